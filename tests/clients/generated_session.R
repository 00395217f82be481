# A session with the client that openapi-generator made for R, all of its files sourced into this script.
#
# Called as: Rscript generated_session.R FOLDER_OF_R_FILES RED NIR ANSWER, with two GeoTIFFs in base64, each in a
# file; writes what it saw to ANSWER, as JSON.

options(warn = 2)
for (name in c("R6", "httr", "jsonlite", "base64enc", "stringr")) {
  library(name, character.only = TRUE)
}

arguments <- commandArgs(trailingOnly = TRUE)
for (file in list.files(arguments[[1]], pattern = "[.]R$", full.names = TRUE)) {
  source(file)
}
# Sourced, the client is no package: what it looks for in its own namespace is right here.
loadNamespace <- function(package, ...) {
  if (package == "openapi") globalenv() else base::loadNamespace(package, ...)
}
text_of <- function(file) paste(readLines(file, warn = FALSE), collapse = "")

client <- ApiClient$new()
server <- ServerApi$new(client)
processes <- ProcessesApi$new(client)
jobs <- JobsApi$new(client)
seen <- list()

finished <- function(job_id) {
  deadline <- Sys.time() + 300
  repeat {
    info <- jobs$GetStatus(job_id)
    status <- info$status$toSimpleType()
    if (status %in% c("successful", "failed", "dismissed")) {
      return(info)
    }
    stopifnot(Sys.time() < deadline)
    Sys.sleep(0.05)
  }
}

seen$classes <- server$GetConformance()$conformsTo
seen$processes <- sapply(processes$GetProcesses()$processes, function(process) process$id)
described <- processes$DescribeEcho()
seen$inputs <- names(described$inputs)
seen$type_of_text <- described$inputs$text$schema$type

inputs <- EchoInputs$new(text = "now")
inputs$numbers <- list(1L, 2L)
inputs$value <- 2.5
box <- EchoInputsAreaAnyOf$new()
box$bbox <- c(5, 45, 10, 47)
inputs$area <- EchoInputsArea$new(box)
seen$now <- processes$ExecuteEcho(EchoRequest$new(inputs = inputs, response = "document"))

request <- EchoRequest$new(inputs = EchoInputs$new(text = "later", pause = 0.2), response = "document")
started <- processes$ExecuteEcho(request, prefer = "respond-async")
seen$started <- started[c("type", "processID")]
seen$finished <- finished(started$jobID)$toSimpleType()
seen$later <- jobs$GetResults(started$jobID)
seen$only <- names(jobs$GetResults(started$jobID, outputs = list("received")))

band <- function(file, class) class$new(value = text_of(file), mediaType = "image/tiff")
red <- NdviInputsRed$new(band(arguments[[2]], ImageReportInputsImagesInnerAnyOf))
nir <- NdviInputsRed$new(band(arguments[[3]], ImageReportInputsImagesInnerAnyOf))
request <- NdviRequest$new(inputs = NdviInputs$new(red = red, nir = nir), response = "document")
started <- processes$ExecuteNdvi(request, prefer = "respond-async")
finished(started$jobID)
results <- jobs$GetResults(started$jobID)
seen$mean <- results$statistics$value$mean
seen$bytes <- length(base64decode(results$ndvi$value))
file <- tempfile(fileext = ".tif")
jobs$GetOutput(started$jobID, "ndvi", data_file = file, .parse = FALSE)
seen$identical <- identical(readBin(file, "raw", file.size(file)), base64decode(results$ndvi$value))

wrong <- NdviInputsRed$new(Reference$new(href = "ftp://example.org/raster.tif"))
problem <- processes$ExecuteNdvi(NdviRequest$new(inputs = NdviInputs$new(red = wrong, nir = wrong)))
seen$problem <- list(status = problem$status_code, text = problem$response$response_as_text())

request <- EchoRequest$new(inputs = EchoInputs$new(text = "stop", pause = 600))
started <- processes$ExecuteEcho(request, prefer = "respond-async")
seen$dismissed <- jobs$DismissJob(started$jobID)$status$toSimpleType()
listed <- jobs$GetJobs(process_id = list("echo"), status = list("dismissed"), limit = 5)
seen$listed <- started$jobID %in% sapply(listed$jobs, function(job) job$jobID)

writeLines(toJSON(seen, auto_unbox = TRUE, digits = NA), arguments[[4]], useBytes = TRUE)
