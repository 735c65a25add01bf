.PHONY: install format lint types unit test demo

install:        ## everything a developer needs, into the active environment
	pip install -e ".[all,dev]"

format:         ## ruff's formatting and safe fixes
	ruff check --fix src tests examples
	ruff format src tests examples

lint:
	ruff check src tests examples
	ruff format --check src tests examples

types:
	mypy

# A process a core, each with one thread: small networks gain nothing from a second one.
unit:
	OMP_NUM_THREADS=1 python -m pytest -n auto --maxprocesses 4 --dist loadscope

test: lint types unit   ## what .ci/run runs

demo:           ## packaged synthetic faces, both stages, a report
	relgan demo
