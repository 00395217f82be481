package org.openapitools.client;

import com.google.gson.Gson;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import org.openapitools.client.api.ProcessesApi;
import org.openapitools.client.model.EchoInputsArea;
import org.openapitools.client.model.EchoInputsAreaAnyOf;
import org.openapitools.client.model.EchoRequest;
import org.openapitools.client.model.NdviInputsNir;
import org.openapitools.client.model.NdviInputsRed;
import org.openapitools.client.model.ImageReportInputsImagesInnerAnyOf;

/** What is peculiar to okhttp-gson. */
class Own {
    static EchoInputsArea area(List<Double> box) {
        return new EchoInputsArea(new EchoInputsAreaAnyOf().bbox(box));
    }

    static NdviInputsRed red(String raster) {
        return new NdviInputsRed(raster);
    }

    static NdviInputsNir nir(String raster) {
        return new NdviInputsNir(new ImageReportInputsImagesInnerAnyOf().value(Base64.getDecoder().decode(raster)).encoding("base64"));
    }

    static String location(ProcessesApi api, EchoRequest request) throws ApiException {
        return api.executeEchoWithHttpInfo(request, null, null, "respond-async").getHeaders().get("location").get(0);
    }

    static Object problem(Exception error) {
        return new Gson().fromJson(((ApiException) error).getResponseBody(), Map.class);
    }

    static String json(Object seen) {
        return new Gson().toJson(seen);
    }
}
