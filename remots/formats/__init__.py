"""The only place that knows a file: footage, results, what others read and write, what a person sets up."""
