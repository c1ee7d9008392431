# What a job needs, by the size of its input: `mem_mb`, `runtime` (minutes) and `gpu`. Each further attempt gets more.
PLACEHOLDER = 1
