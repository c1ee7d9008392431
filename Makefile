# make demo    makes the environment, runs the whole pipeline on rendered street scenes, shows the metrics
# make test    makes the environment, runs the checks and the tests
VENV ?= .venv
CORES ?= 2
REMOTS := $(VENV)/bin/python -m remots
SNAKEMAKE := $(VENV)/bin/snakemake

.PHONY: demo test check benchmark clean

demo: $(VENV)/.demo
	$(SNAKEMAKE) --profile local --cores $(CORES) --configfile config/demo/config.yaml
	@$(REMOTS) tabulate results/demo/*/evaluation.json
	@echo "Watch:   results/demo/plaza/overlay.mp4   results/demo/avenue/overlay.mp4"
	@echo "Figures: results/demo/plaza/figures/      results/demo/avenue/figures/"
	@echo "Tracks:  results/demo/plaza/mots.txt      results/demo/avenue/mots.txt"
	@echo "Open:    results/demo/report.html   (all of it on one page, in any browser)"

test: check
	$(VENV)/bin/pytest

check: $(VENV)/.test
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/snakefmt --check --line-length 120 Snakefile workflow
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(SNAKEMAKE) --lint --configfile config/demo/config.yaml

benchmark: $(VENV)/.benchmark
	$(VENV)/bin/python -m tests.benchmarks

$(VENV)/.demo: pyproject.toml envs/constraints.txt $(wildcard envs/*.sh)
	envs/make_environment.sh $(VENV) weights,slurm
	touch $@

$(VENV)/.test: $(VENV)/.demo
	envs/make_environment.sh $(VENV) weights,slurm,test,detectors
	touch $@

$(VENV)/.benchmark: $(VENV)/.demo
	envs/make_environment.sh $(VENV) weights,slurm,test,detectors,benchmark
	touch $@

clean:
	rm -rf $(VENV) results/demo .snakemake
