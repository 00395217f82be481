package org.openapitools.client;

import com.google.gson.Gson;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.openapitools.client.api.JobsApi;
import org.openapitools.client.api.ProcessesApi;
import org.openapitools.client.model.EchoInputs;
import org.openapitools.client.model.EchoInputsArea;
import org.openapitools.client.model.EchoInputsAreaAnyOf;
import org.openapitools.client.model.EchoRequest;
import org.openapitools.client.model.ProcessList;
import org.openapitools.client.model.StatusInfo;

/**
 * A session with the client that openapi-generator made for Java (okhttp-gson), among whose sources it is compiled.
 * The client knows the server's address from the document. Prints what it saw as JSON.
 */
public class GeneratedSession {
    private static final ProcessesApi PROCESSES = new ProcessesApi();
    private static final JobsApi JOBS = new JobsApi();

    public static void main(String[] arguments) throws Exception {
        Map<String, Object> seen = new LinkedHashMap<>();
        ProcessList list = PROCESSES.getProcesses(null, null, null);
        seen.put("processes", list.getProcesses().stream().map(process -> process.getId()).toArray());
        seen.put("matched", list.getNumberMatched());

        seen.put("now", PROCESSES.executeEcho(request("now", 0), null, null, null));

        UUID later = start("later", 0.1);
        seen.put("finished", finished(later).getStatus());
        seen.put("later", JOBS.getResults(later, null, null));

        try {
            PROCESSES.executeEcho(request("wrong", 5000), null, null, null);
        } catch (ApiException problem) {
            seen.put("problem", new Gson().fromJson(problem.getResponseBody(), Map.class));
        }

        UUID stopped = start("stop", 600);
        seen.put("dismissed", JOBS.dismissJob(stopped, null).getStatus());
        System.out.println(new Gson().toJson(seen));
        System.exit(0);
    }

    private static EchoRequest request(String text, double pause) {
        EchoInputsAreaAnyOf box = new EchoInputsAreaAnyOf().bbox(List.of(7.123456789012, 45.0, 10.0, 47.0));
        EchoInputs inputs = new EchoInputs().text(text).pause(pause).area(new EchoInputsArea(box));
        return new EchoRequest().inputs(inputs).response(EchoRequest.ResponseEnum.DOCUMENT);
    }

    private static UUID start(String text, double pause) throws ApiException {
        String location = PROCESSES.executeEchoWithHttpInfo(request(text, pause), null, null, "respond-async")
            .getHeaders().get("location").get(0);
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
