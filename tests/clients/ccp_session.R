# A session as CCP's documentation has it for R: two-step login, execution, polling, the execution, the archive.
# Arguments: token endpoint, ccp_ep, process, file of the request (JSON), folder for output.zip.
arguments <- commandArgs(trailingOnly = TRUE)
library(httr)
library(jsonlite)

logins <- 0
login <- function() {
  logins <<- logins + 1
  first <- POST(arguments[1], encode = "form", body = list(
    grant_type = "password", client_id = "dragoman-cli", username = "alice", password = "alice"))
  second <- POST(arguments[1], add_headers(Authorization = paste("Bearer", content(first)$access_token)),
    encode = "form", body = list(
      grant_type = "urn:ietf:params:oauth:grant-type:uma-ticket", audience = URLencode("%2Fgeo%2Fvre", reserved = TRUE)))
  add_headers(Authorization = paste("Bearer", content(second)$access_token))
}

token <- login()
request <- fromJSON(readChar(arguments[4], file.size(arguments[4]), useBytes = TRUE), simplifyVector = FALSE)
started <- POST(paste0(arguments[2], "/processes/", arguments[3], "/execution"), token, body = request, encode = "json")
if (status_code(started) != 201) stop(content(started, "text"))
job <- content(started)
state <- job$status
while (state != "successful" && state != "failed") {
  Sys.sleep(1)
  polled <- GET(paste0(arguments[2], "/jobs/", job$jobID), token)
  if (status_code(polled) == 401) {
    token <- login()
  } else if (status_code(polled) != 200) {
    stop(content(polled, "text"))
  } else {
    state <- content(polled)$status
  }
}
token <- login() # the documented script does not, and its token lasts minutes; here it may run out at any moment
execution <- GET(paste0(arguments[2], "/executions/", job$jobID), token, accept_json())
GET(paste0(arguments[2], "/executions/", job$jobID, "/outputs/output.zip"), token, accept_json(),
  write_disk(file.path(arguments[5], "output.zip")))
cat("\n")
cat(toJSON(list(state = state, logins = logins, id = content(execution)$id), auto_unbox = TRUE))
