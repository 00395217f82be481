"""Files fetched ahead of any job, in a process below the supervisor: resumed, tried again, fair to every host."""
