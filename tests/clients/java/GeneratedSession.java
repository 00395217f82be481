package org.openapitools.client;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.openapitools.client.api.JobsApi;
import org.openapitools.client.api.ProcessesApi;
import org.openapitools.client.model.EchoInputs;
import org.openapitools.client.model.EchoRequest;
import org.openapitools.client.model.JobList;
import org.openapitools.client.model.NdviInputs;
import org.openapitools.client.model.NdviRequest;
import org.openapitools.client.model.Process;
import org.openapitools.client.model.ProcessList;
import org.openapitools.client.model.StatusInfo;

/**
 * A session with a client that openapi-generator made for Java, among whose sources it is compiled. What differs
 * between its libraries is in Own. The client knows the server's address from the document.
 *
 * Called with two GeoTIFFs in base64. Prints what it saw as JSON.
 */
public class GeneratedSession {
    private static final ProcessesApi PROCESSES = new ProcessesApi();
    private static final JobsApi JOBS = new JobsApi();

    public static void main(String[] rasters) throws Exception {
        Map<String, Object> seen = new LinkedHashMap<>();
        ProcessList list = PROCESSES.getProcesses(null, null, null);
        seen.put("processes", list.getProcesses().stream().map(process -> process.getId()).toArray());
        seen.put("matched", list.getNumberMatched());

        Process echo = PROCESSES.describeEcho(null);
        seen.put("inputs", echo.getInputs());
        seen.put("outputs", echo.getOutputs().keySet());

        seen.put("now", PROCESSES.executeEcho(request("now", 0), null, null, null));

        UUID later = start("later", 0.1);
        seen.put("finished", finished(later).getStatus());
        seen.put("later", JOBS.getResults(later, null, null));

        NdviInputs bands = new NdviInputs().red(Own.red(rasters[0])).nir(Own.nir(rasters[1]));
        NdviRequest ndvi = new NdviRequest().inputs(bands).response(NdviRequest.ResponseEnum.DOCUMENT);
        seen.put("ndvi", PROCESSES.executeNdvi(ndvi, null, null, null));

        try {
            PROCESSES.executeEcho(request("wrong", 5000), null, null, null);
        } catch (Exception problem) {
            seen.put("problem", Own.problem(problem));
        }

        UUID stopped = start("stop", 600);
        seen.put("dismissed", JOBS.dismissJob(stopped, null).getStatus());
        JobList gone = JOBS.getJobs(null, null, null, List.of("dismissed"), null, null, null, null, null, null);
        seen.put("listed", gone.getJobs().get(0).getJobID().equals(stopped.toString()));
        System.out.println(Own.json(seen));
        System.exit(0);
    }

    private static EchoRequest request(String text, double pause) {
        List<Double> box = List.of(7.123456789012, 45.0, 10.0, 47.0);
        EchoInputs inputs = new EchoInputs().text(text).pause(pause).area(Own.area(box));
        return new EchoRequest().inputs(inputs).response(EchoRequest.ResponseEnum.DOCUMENT);
    }

    private static UUID start(String text, double pause) throws Exception {
        String location = Own.location(PROCESSES, request(text, pause));
        return UUID.fromString(location.substring(location.lastIndexOf('/') + 1));
    }

    private static StatusInfo finished(UUID job) throws Exception {
        long deadline = System.nanoTime() + 120_000_000_000L;
        while (true) {
            StatusInfo info = JOBS.getStatus(job, null);
            if (info.getFinished() != null) {
                return info;
            }
            if (System.nanoTime() > deadline) {
                throw new IllegalStateException("job " + job + " does not end");
            }
            Thread.sleep(50);
        }
    }
}
