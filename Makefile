PYTHON ?= python3
BIN := .venv/bin
STORIES := ferry-radar-report election-result opera-resigns seagrass-study op-lynx tourism-record

.PHONY: demo picture test check gate gate-baseline golden clean

# the stamp is newer than both files once the environment holds what they ask for
.venv/.installed: pyproject.toml constraints.txt
	test -d .venv || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: .venv/.installed  ## Publish lists for the sample newsroom and show some of them
	@$(BIN)/recommender precompute data/newsroom/articles.jsonl --rules data/newsroom/rules.toml --lists out/demo --archive out/demo-archive
	@$(BIN)/recommender withdraw astrolabe-suspect-profile --lists out/demo
	@echo
	@$(BIN)/recommender recommend $(STORIES) --lists out/demo
	@$(BIN)/recommender preview --lists out/demo --archive out/demo-archive --to out/demo-site
	@echo "Lists: out/demo/versions/*/lists.jsonl   saved archive: out/demo-archive"
	@echo "More:  $(BIN)/recommender recommend ID --lists out/demo   $(BIN)/recommender info --lists out/demo"

picture: demo  ## The picture of the README, by Chromium, of the site that `demo` writes
	chromium --headless --no-sandbox --hide-scrollbars --window-size=1100,900 --screenshot=docs/preview.png \
		file://$(CURDIR)/out/demo-site/stories/ferry-inquiry.html

test: .venv/.installed  ## Run all tests
	HF_HUB_OFFLINE=1 $(BIN)/python -m pytest

check: .venv/.installed  ## Lint, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

GATE := $(BIN)/recommender evaluate default tfidf --on sample --on lee

gate: .venv/.installed  ## Lists must not have got worse on what needs no download
	HF_HUB_OFFLINE=1 $(GATE) --fail-below benchmarks/results/gate.json

gate-baseline: .venv/.installed  ## What `gate` compares with, after a wanted change
	HF_HUB_OFFLINE=1 $(GATE) --to out/gate
	cp out/gate/report.json benchmarks/results/gate.json

golden: .venv/.installed  ## Regenerate the golden lists after a wanted change
	HF_HUB_OFFLINE=1 $(BIN)/python -m tests.test_golden

clean:
	rm -rf .venv out build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
