# make demo: set everything up and run the main job on simulated data.  make test: set everything up and test.
PYTHON ?= python3
BIN := .venv/bin
DEMO := demo

.PHONY: demo test test-slow lint clean

.venv/installed: setup.py constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; v < (3, 11) and sys.exit("beetl-task1 needs Python 3.11 or newer, this is %d.%d; name a newer one: make PYTHON=python3.12" % v[:2])'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	@touch $@

demo: export BEETL_DATA := $(DEMO)/data
demo: export BEETL_CHECKPOINTS := $(DEMO)/checkpoints
demo: export BEETL_SUBMISSIONS := submissions
demo: export BEETL_CACHE := $(DEMO)/cache
demo: .venv/installed
	@$(BIN)/beetl-task1 simulate --out "$$BEETL_DATA" --size demo
	@for group in 65-79 80-95; do \
		echo; echo "== $$group =="; \
		for recipe in features-logreg features-boost; do \
			$(BIN)/beetl-task1 validate --group $$group --recipe $$recipe --brief || exit 1; \
		done; \
		$(BIN)/beetl-task1 submit --group $$group || exit 1; \
		$(BIN)/beetl-task1 score submissions/default-$$group/answer.zip --truth "$$BEETL_DATA"/truth/$$group.txt --brief || exit 1; \
	done

test: .venv/installed
	@$(BIN)/python -m pytest -q -n 2 -m "not slow"

test-slow: .venv/installed
	@$(BIN)/python -m pytest -q -n 2 -m slow

lint: .venv/installed
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

clean:
	rm -rf $(DEMO) .venv
