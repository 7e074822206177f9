"""The command line: parse, call one application function, render its frozen result."""
