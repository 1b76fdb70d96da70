# make demo: set everything up and run the main job on simulated data.  make test: set everything up and test.
PYTHON ?= python3
BIN := .venv/bin
OLDEST := .venv-oldest/bin
DEMO := demo
MINUTES ?= 20

.PHONY: demo test test-slow test-oldest lint mutants docs architecture clean

.venv/installed: setup.py constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; v < (3, 11) and sys.exit("beetl-task1 needs Python 3.11 or newer, this is %d.%d; name a newer one: make PYTHON=python3.12" % v[:2])'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test,lint,cluster]'
	@touch $@

demo: export BEETL_DATA := $(DEMO)/data
demo: export BEETL_CHECKPOINTS := $(DEMO)/checkpoints
demo: export BEETL_SUBMISSIONS := submissions
demo: export BEETL_CACHE := $(DEMO)/cache
demo: .venv/installed
	@$(BIN)/beetl-task1 simulate --out "$$BEETL_DATA" --size demo
	@for group in 65-79 80-95; do \
		echo; echo "== $$group =="; \
		for recipe in features-quantile features-kernel features-boost; do \
			$(BIN)/beetl-task1 validate --group $$group --recipe $$recipe --brief || exit 1; \
		done; \
		$(BIN)/beetl-task1 submit --group $$group || exit 1; \
		$(BIN)/beetl-task1 score submissions/default-$$group/answer.zip --truth "$$BEETL_DATA"/truth/$$group.txt --brief || exit 1; \
	done

test: .venv/installed
	@$(BIN)/python -m pytest -q -n 2 -m "not slow"

test-slow: .venv/installed
	@$(BIN)/python -m pytest -q -n 2 -m slow

# The oldest versions that setup.py allows; with Python 3.11, which they have wheels for.
.venv-oldest/installed: setup.py constraints-oldest.txt
	$(PYTHON) -c 'import sys; sys.version_info[:2] == (3, 11) or sys.exit("the oldest versions need Python 3.11: make test-oldest PYTHON=python3.11")'
	$(PYTHON) -m venv .venv-oldest
	$(OLDEST)/pip install --quiet --disable-pip-version-check -c constraints-oldest.txt -e '.[test]'
	@touch $@

test-oldest: .venv-oldest/installed
	@$(OLDEST)/python -m pytest -q -n 2 -m "not slow"

lint: .venv/installed
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

# make mutants MODULE=beetl_task1/scoring.py TESTS=tests/test_scoring.py MINUTES=20; without MODULE the four rooms of tools/mutants.py
mutants: .venv/installed
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[mutants]'
	@$(BIN)/python tools/mutants.py $(if $(MODULE),'$(MODULE)') $(TESTS) --minutes $(MINUTES)

# The documentation as a site: site/index.html; a warning is an error.
docs: .venv/installed
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	@$(BIN)/mkdocs build --strict --quiet

architecture: .venv/installed
	@$(BIN)/python tools/architecture.py

clean:
	rm -rf $(DEMO) .venv .venv-oldest
