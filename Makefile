# Every target says what it does; `make` alone lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

# The first of these that really starts: a version manager may leave a name on the path that leads nowhere.
PYTHON ?= $(shell for name in python3.11 python3.12 python3; do \
	"$$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' >/dev/null 2>&1 \
	&& echo "$$name" && break; done)
BIN := .venv/bin

.PHONY: help install run demo test check lock clean

help: ## List the targets 列出所有命令
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: .venv/installed ## Make the environment with the pinned requirements 安装依赖

.venv/installed: requirements.txt requirements-dev.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or 3.12 is missing: apt-get install python3 python3-venv," \
		"or set PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
		{ echo "Python's venv module is missing: apt-get install python3-venv"; exit 1; }
	@echo "Making the environment in .venv (once, under a minute) 正在准备运行环境……"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
		-r requirements.txt -r requirements-dev.txt
	@touch $@

test: install ## Run the whole suite on real PostgreSQL and Redis 运行全部测试
	@$(BIN)/python -m pytest -n 2

check: install ## Format, lint, types, import contracts, dead code, audit 静态检查
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/vulture
	@$(BIN)/pip-audit --require-hashes --disable-pip -r requirements.txt || \
		echo "The dependency audit found something, or could not reach its source: see the lines above."

lock: install ## Pin the requirements again, with hashes 重新锁定依赖
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		-o requirements.txt requirements.in
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		-o requirements-dev.txt requirements-dev.in
