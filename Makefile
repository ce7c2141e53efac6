# The two commands of chigai: `make app` and `make test`. `make setup` alone makes .venv; `make clean` takes it away.
PYTHON ?= python3
PORT ?= 8501

VENV := .venv
BIN := $(VENV)/bin
# what the environment is made from names its stamp: unchanged files, no second set-up
KEY := $(shell cat requirements.lock pyproject.toml | cksum | tr ' ' '-')
STAMP := $(VENV)/.set-up-$(KEY)
WARM := $(VENV)/.compiled-$(KEY)
# the same folder as the code takes by itself
KEPT := $(or $(CHIGAI_HOME),var)
DEMO := $(KEPT)/demo
PLAN := $(KEPT)/plans/demo-jixi-2020-8

# a plan of a few hundred paddies: compiles what is compiled, so that the first real run need not wait for it
define warm
tmp=$$(mktemp -d) && { \
  $(BIN)/chigai demo $$tmp/demo --parcels 300 && \
  $(BIN)/chigai plan $$tmp/demo/parcels.gpkg --barriers $$tmp/demo/barriers.gpkg --dem $$tmp/demo/dem.tif --out $$tmp/plan; \
} >/dev/null 2>&1; rm -rf $$tmp
endef

.PHONY: app test setup lint clean
.DELETE_ON_ERROR:

app: setup $(PLAN)/plan.json
	@$(BIN)/chigai app --port $(PORT)

test: $(STAMP)
	@$(MAKE) --no-print-directory -j2 setup lint
# one more than there are cores: the browser's tests mostly wait
	@$(BIN)/python -m pytest -n $$(getconf _NPROCESSORS_ONLN | awk '{ print $$1 + 1 }') --dist loadfile --no-loadscope-reorder

lint: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy --ignore-missing-imports app.py cli.py commands geo planning tracking ui

setup: $(STAMP) $(WARM)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "需要 Python 3.11 或更新版本；可用 make PYTHON=/路径/python3.11 指定。" >&2; \
	  echo "Python 3.11 or newer is needed; name one with make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "这个 Python 没有 venv；Debian、Ubuntu 上请先运行 apt install python3-venv。" >&2; \
	  echo "This Python has no venv; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv --clear $(VENV)
	@echo "安装依赖，几分钟…… Installing what chigai needs, some minutes …"
	@$(BIN)/pip install --quiet --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	@rm -f $(VENV)/.set-up-*
	@touch $@

# the compiler works on one core: lint takes the other meanwhile
$(WARM): $(STAMP)
	@$(warm)
	@rm -f $(VENV)/.compiled-*
	@touch $@

# dem.tif is put in place after parcels.gpkg and barriers.gpkg
$(DEMO)/dem.tif: | $(STAMP)
	@$(BIN)/chigai demo $(DEMO)

$(PLAN)/plan.json: | $(STAMP) $(DEMO)/dem.tif
	@$(BIN)/chigai plan $(DEMO)/parcels.gpkg --barriers $(DEMO)/barriers.gpkg --dem $(DEMO)/dem.tif --out $(PLAN)

clean:
	rm -rf $(VENV) var .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
