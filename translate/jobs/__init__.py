"""The verbs of the command line as functions: each joins the parts of the library into one job."""
