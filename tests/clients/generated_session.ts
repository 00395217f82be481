// A session with the client that openapi-generator made for TypeScript (typescript-fetch), in the folder "client"
// beside this file; compiled by tsc, run by node.
//
// Called with two GeoTIFFs in base64. The client knows the server's address from the document. Prints what it saw as
// JSON.
import {
  EchoInputsArea, EchoRequest, JobsApi, NdviInputsNir, NdviInputsRed, ProcessesApi, ResponseError, StatusInfo,
} from "./client";

declare const process: { argv: string[]; exitCode: number };

const processes = new ProcessesApi();
const jobs = new JobsApi();

function request(text: string, pause: number): EchoRequest {
  const area = { bbox: [7.123456789012, 45, 10, 47] } as EchoInputsArea;
  return { inputs: { text, pause, area }, response: "document" };
}

async function start(text: string, pause: number): Promise<string> {
  const echoRequest = request(text, pause);
  const started: StatusInfo = await processes.executeEcho({ echoRequest, prefer: "respond-async" });
  return started.jobID;
}

async function finished(jobID: string): Promise<StatusInfo> {
  const deadline = Date.now() + 120_000;
  for (;;) {
    const info = await jobs.getStatus({ jobID });
    if (info.finished) {
      return info;
    }
    if (Date.now() > deadline) {
      throw new Error(`job ${jobID} does not end`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function session(red: string, nir: string): Promise<Record<string, unknown>> {
  const seen: Record<string, unknown> = {};
  const list = await processes.getProcesses();
  seen.processes = list.processes.map((each) => each.id);
  seen.matched = list.numberMatched;
  const echo = await processes.describeEcho();
  seen.inputs = echo.inputs;
  seen.outputs = Object.keys(echo.outputs);
  seen.now = await processes.executeEcho({ echoRequest: request("now", 0) });
  const later = await start("later", 0.1);
  seen.finished = (await finished(later)).status;
  seen.later = await jobs.getResults({ jobID: later });
  const inputs = { red: { value: red } as NdviInputsRed, nir: { href: `data:image/tiff;base64,${nir}` } as NdviInputsNir };
  seen.ndvi = await processes.executeNdvi({ ndviRequest: { inputs, response: "document" } });
  try {
    await processes.executeEcho({ echoRequest: request("wrong", 5000) });
  } catch (error) {
    seen.problem = await (error as ResponseError).response.json();
  }
  const stopped = await start("stop", 600);
  seen.dismissed = (await jobs.dismissJob({ jobID: stopped })).status;
  const gone = await jobs.getJobs({ status: ["dismissed"] });
  seen.listed = gone.jobs[0].jobID === stopped;
  return seen;
}

session(process.argv[2], process.argv[3]).then(
  (seen) => console.log(JSON.stringify(seen)),
  (error) => {
    console.error(error);
    process.exitCode = 1;
  },
);
