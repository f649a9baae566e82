"""The addresses of the server, one blueprint a job."""
