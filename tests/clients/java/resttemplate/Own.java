package org.openapitools.client;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import org.openapitools.client.api.ProcessesApi;
import org.openapitools.client.model.EchoInputsArea;
import org.openapitools.client.model.EchoRequest;
import org.openapitools.client.model.NdviInputsNir;
import org.openapitools.client.model.NdviInputsRed;
import org.springframework.web.client.HttpStatusCodeException;

/** What is peculiar to resttemplate, Spring's with Jackson: one class holds every form of a value. */
class Own {
    static EchoInputsArea area(List<Double> box) {
        return new EchoInputsArea().bbox(box);
    }

    static NdviInputsRed red(String raster) {
        return new NdviInputsRed().value(Base64.getDecoder().decode(raster));
    }

    static NdviInputsNir nir(String raster) {
        return new NdviInputsNir().href("data:image/tiff;base64," + raster);
    }

    static String location(ProcessesApi api, EchoRequest request) {
        return api.executeEchoWithHttpInfo(request, null, null, "respond-async").getHeaders().getLocation().toString();
    }

    static Object problem(Exception error) throws Exception {
        String body = ((HttpStatusCodeException) error).getResponseBodyAsString();
        return new ObjectMapper().readValue(body, Map.class);
    }

    static String json(Object seen) throws Exception {
        return new ObjectMapper().writeValueAsString(seen);
    }
}
