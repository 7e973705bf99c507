PYTHON ?= python3
VENV := .venv
INSTALLED := $(VENV)/installed

.PHONY: run check test coverage lint formatting linting benchmark gpu lock clean help
.DEFAULT_GOAL := run

run: $(INSTALLED)  ## install everything into .venv, then run the workflow's stale steps
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" snakemake --cores all --resources gpu=1 mem_mb=$$($(VENV)/bin/python -c 'import psutil; print(psutil.virtual_memory().total >> 20)')

check: $(INSTALLED)  ## is every update rule right? In seconds, without data; FILES="handed-in/*.py" checks other files
	@PYTHONPATH=workflow PYTHONUTF8=1 PYTHONSAFEPATH=1 $(VENV)/bin/python -m $(if $(FILES),descent.check.handed_in --files $(FILES) $(if $(REFERENCE),--reference $(REFERENCE)) $(if $(CSV),--csv $(CSV)) $(if $(FEEDBACK),--feedback $(FEEDBACK)),descent.check.check_optimizers $(if $(ALL),--all))

test: $(INSTALLED)  ## install everything into .venv, then run the tests; with SLOW=1 the slow ones too
	$(VENV)/bin/python -m pytest $(if $(SLOW),--numprocesses 3,-m "not slow")
	$(if $(SLOW),,@echo "The slow tests were left out: make test SLOW=1 runs them too.")

coverage: $(INSTALLED)  ## run all tests, and list the lines of the package that none of them runs
	$(VENV)/bin/python -m pytest --cov

lint: formatting linting  ## run all linters

formatting: $(INSTALLED)  ## check the formatting alone: ruff format, snakefmt
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/snakefmt --check Snakefile workflow

linting: $(INSTALLED)  ## check the code alone: ruff, mypy, snakemake --lint
	$(VENV)/bin/ruff check
	$(VENV)/bin/mypy
	$(VENV)/bin/python tests/lint_snakemake.py

benchmark: $(INSTALLED) resources/mnist.safetensors  ## compare the training's speed with its peers' on this machine: half an hour
	$(VENV)/bin/uv pip install --quiet --python $(VENV)/bin/python --require-hashes -r benchmarks/requirements.lock
	$(VENV)/bin/python benchmarks/run.py

gpu: $(INSTALLED) resources/mnist.safetensors  ## is it right on this machine's GPU, and how fast?
	$(VENV)/bin/python benchmarks/gpu.py

resources/mnist.safetensors: | $(INSTALLED)
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" snakemake --cores 1 resources/mnist.safetensors

# uv installs in a fraction of pip's time; pip only installs uv, at the version in requirements.lock. uv does not read
# pip's configuration, so a mirror that is named there is named to uv.
$(INSTALLED): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Descent needs Python 3.11 or newer; this is %s. Name another: make PYTHON=python3.12" % sys.version.split()[0])'
	@echo "Installing into $(VENV), PyTorch above all: about 3 GB to download."
	@$(PYTHON) -m venv $(VENV)
	@sed -n '/^uv==/,/^    # via/p' requirements.lock > $(VENV)/uv.lock
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.lock
	@mirror=$$($(VENV)/bin/python -m pip config list | sed -n "s/^.*[.]index-url='\(.*\)'$$/\1/p" | tail -n 1); \
	  [ -z "$$mirror" ] || export UV_DEFAULT_INDEX="$${UV_DEFAULT_INDEX:-$$mirror}"; \
	  $(VENV)/bin/uv pip sync --python $(VENV)/bin/python --require-hashes --compile-bytecode requirements.lock
	@touch $@

lock: $(INSTALLED)  ## pin the newest versions that pyproject.toml allows, in requirements.lock
	$(VENV)/bin/uv pip compile --quiet --universal --upgrade --generate-hashes --no-header --python-version 3.11 --group dev pyproject.toml -o requirements.lock

clean:  ## remove the results; keep MNIST and .venv
	find results/. ! -name . -prune ! -name README.md -exec rm -rf {} +

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "%-12s%s\n", $$1, $$2}' $(MAKEFILE_LIST)
