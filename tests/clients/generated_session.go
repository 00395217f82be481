// A session with the client that openapi-generator made for Go, as a command of its module.
//
// Called with two GeoTIFFs in base64. The client knows the server's address from the document. Prints what it saw as
// JSON.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	client "github.com/GIT_USER_ID/GIT_REPO_ID"
)

func check(err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%v\n", err)
		if answer, ok := err.(*client.GenericOpenAPIError); ok {
			fmt.Fprintln(os.Stderr, string(answer.Body()))
		}
		os.Exit(1)
	}
}

func finished(ctx context.Context, api *client.APIClient, id string) *client.StatusInfo {
	deadline := time.Now().Add(2 * time.Minute)
	for {
		info, _, err := api.JobsAPI.GetStatus(ctx, id).Execute()
		check(err)
		if info.Status == "successful" || info.Status == "failed" || info.Status == "dismissed" {
			return info
		}
		if time.Now().After(deadline) {
			check(fmt.Errorf("job %s does not end", id))
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func request(text string, pause float64) client.EchoRequest {
	inputs := client.NewEchoInputs(text)
	inputs.SetPause(pause)
	box := client.NewEchoInputsAreaAnyOf([]float64{7.123456789012, 45, 10, 47})
	inputs.SetArea(client.EchoInputsArea{EchoInputsAreaAnyOf: box})
	request := client.NewEchoRequest(*inputs)
	request.SetResponse("document")
	return *request
}

func main() {
	ctx := context.Background()
	api := client.NewAPIClient(client.NewConfiguration())
	seen := map[string]any{}

	list, _, err := api.ProcessesAPI.GetProcesses(ctx).Execute()
	check(err)
	ids := []string{}
	for _, process := range list.Processes {
		ids = append(ids, process.Id)
	}
	seen["processes"], seen["matched"] = ids, list.GetNumberMatched()

	echo, _, err := api.ProcessesAPI.DescribeEcho(ctx).Execute()
	check(err)
	names := []string{}
	for name := range echo.Outputs {
		names = append(names, name)
	}
	seen["inputs"], seen["outputs"] = echo.Inputs, names

	seen["now"], _, err = api.ProcessesAPI.ExecuteEcho(ctx).EchoRequest(request("now", 0)).Execute()
	check(err)

	_, answer, err := api.ProcessesAPI.ExecuteEcho(ctx).EchoRequest(request("later", 0.1)).Prefer("respond-async").Execute()
	check(err)
	var started client.StatusInfo
	check(json.NewDecoder(answer.Body).Decode(&started))
	seen["finished"] = finished(ctx, api, started.JobID).Status
	seen["later"], _, err = api.JobsAPI.GetResults(ctx, started.JobID).Execute()
	check(err)

	red := client.NdviInputsRed{String: &os.Args[1]}
	nir := client.NdviInputsNir{Reference: client.NewReference("data:image/tiff;base64," + os.Args[2])}
	bands := client.NewNdviRequest(*client.NewNdviInputs(red, nir))
	bands.SetResponse("document")
	seen["ndvi"], _, err = api.ProcessesAPI.ExecuteNdvi(ctx).NdviRequest(*bands).Execute()
	check(err)

	_, _, err = api.ProcessesAPI.ExecuteEcho(ctx).EchoRequest(request("wrong", 5000)).Execute()
	if failure, ok := err.(*client.GenericOpenAPIError); ok {
		seen["problem"] = failure.Model()
	}

	_, answer, err = api.ProcessesAPI.ExecuteEcho(ctx).EchoRequest(request("stop", 600)).Prefer("respond-async").Execute()
	check(err)
	check(json.NewDecoder(answer.Body).Decode(&started))
	dismissed, _, err := api.JobsAPI.DismissJob(ctx, started.JobID).Execute()
	check(err)
	seen["dismissed"] = dismissed.Status
	jobs, _, err := api.JobsAPI.GetJobs(ctx).Status([]string{"dismissed"}).Execute()
	check(err)
	seen["listed"] = jobs.Jobs[0].JobID == started.JobID

	check(json.NewEncoder(os.Stdout).Encode(seen))
}
