# Every target says what it does; `make` alone lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

# The first of these that really starts: a version manager may leave a name on the path that leads nowhere.
PYTHON ?= $(shell for name in python3.11 python3.12 python3; do \
	"$$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' >/dev/null 2>&1 \
	&& echo "$$name" && break; done)
BIN := .venv/bin

RUN := $(BIN)/python -m marketplace.running
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes
KILOBYTES_NEEDED := 700000

.PHONY: help run demo logins stop migrate worker verify openapi install test test-thorough check bench-install bench-allocation bench-market bench-holds bench-campaigns bench-money bench-trace attack-money chaos conformance lock clean season

help: ## List the targets 列出所有命令
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: .venv/ready ## Start everything on port 8000 with demo data, until Ctrl-C 启动全部服务（含演示数据）
	@exec $(RUN) serve

demo: .venv/ready ## The main job on demo data: print its result and end 运行演示并显示结果
	@exec $(RUN) demo

logins: .venv/ready ## Show the demo log-ins again 再次显示演示登录
	@exec $(RUN) flask demo --show-logins

stop: ## End what an earlier run left behind, the embedded database too 停止遗留进程
	@if test -e .venv/ready; then exec $(RUN) stop; fi

migrate: .venv/ready ## Bring the database's tables up to date 更新数据表
	@exec $(RUN) flask db upgrade -d migrations

worker: .venv/ready ## Do background jobs in this terminal, until Ctrl-C 处理后台任务
	@exec $(RUN) flask worker

verify: .venv/ready ## Check every promise against the database 检查不变量
	@exec $(RUN) flask verify

openapi: .venv/ready ## Write docs/openapi.json anew 更新接口文档
	@exec $(RUN) flask openapi write

.venv/ready: requirements.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or 3.12 is missing: apt-get install python3 python3-venv," \
		"or set PYTHON=/path/to/python3.11 缺少 Python 3.11 或 3.12"; exit 1; }
	@test -w . || { echo "This user may not write in $(CURDIR): use a folder of your own 没有此文件夹的写权限"; exit 1; }
	@test "$$(df -Pk . | awk 'NR == 2 {print $$4}')" -ge $(KILOBYTES_NEEDED) || test -e .venv/ready || \
		{ echo "The disk is full: $$(($(KILOBYTES_NEEDED) / 1000)) MB are needed in $(CURDIR) 磁盘空间不足"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
		{ echo "Python's venv module is missing: apt-get install python3-venv 缺少 venv 模块"; exit 1; }
	@echo "Preparing the environment in .venv (once, under a minute) 正在准备运行环境……"
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv || \
		{ echo "The environment in .venv could not be made: see above 无法创建 .venv"; exit 1; }
	@$(INSTALL) -r requirements.txt || \
		{ echo "The requirements could not be installed: is there a network? 依赖安装失败，请检查网络"; exit 1; }
	@touch $@

install: .venv/installed ## Make the environment with all pinned requirements 安装全部依赖

.venv/installed: .venv/ready requirements-dev.txt
	@echo "Adding what tests and checks need 正在安装测试依赖……"
	@$(INSTALL) -r requirements.txt -r requirements-dev.txt || \
		{ echo "The requirements could not be installed: is there a network? 依赖安装失败，请检查网络"; exit 1; }
	@touch $@

test: install ## Run the whole suite on real PostgreSQL and Redis 运行全部测试
	@$(BIN)/python -m pytest -n 2

test-thorough: install ## Run it with all cases of every law and the whole sizes (some hours) 运行全部案例的完整测试
	@THOROUGH=1 $(BIN)/python -m pytest -n 2

check: install ## Format, lint, types, import contracts, dead code, audit 静态检查
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/vulture
	@$(BIN)/python -m tests.audit

bench-install: install ## Add what the benches compare with 安装对照测量所需的软件
	@$(INSTALL) -r requirements.txt -r requirements-dev.txt -r requirements-bench.txt

bench-allocation: install ## Time the fair split 测量分配算法
	@$(BIN)/python bench/allocation_single.py

bench-market: install ## Time markets of many orders 测量多订单市场
	@$(BIN)/python bench/allocation_market.py

bench-holds: install ## Time holds on real servers under load (needs wrk) 测量保留的速度
	@$(BIN)/python -m bench.holds --output bench/results/holds.md

bench-campaigns: install ## End and allocate campaigns of 100,000 orders (pages need wrk) 测量活动的分配与终止
	@$(BIN)/python -m bench.campaigns --output bench/results/campaigns.md

bench-money: install ## Book transfers, and ask for the trial balance of a million 测量记账与试算平衡
	@$(BIN)/python -m bench.money --output bench/results/money.md

bench-trace: install ## Take events in, follow, verify and show them (ten million; 15 GB of disk) 测量追溯事件
	@$(BIN)/python -m bench.traces --output bench/results/traces.md

attack-money: install ## Attack the books: events, races, lost processes (about an hour) 攻击账目与支付
	@$(BIN)/python -m tests.attacks --output bench/results/attacks-money.md

season: .venv/ready ## Play a whole season of 10,000 shoppers by a seed 演示完整一季
	@exec $(RUN) flask demo season

chaos: install ## Break the servers under load, and check what survived (about 15 minutes) 故障演练
	@$(BIN)/python -m bench.chaos --write

conformance: install ## Compare our EPCIS schemas with GS1's (EPCIS_SCHEMA=folder) 与 GS1 的 EPCIS 架构比对
	@$(BIN)/python -m tests.epcis

lock: install ## Pin the requirements again, with hashes 重新锁定依赖
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		-o requirements.txt requirements.in
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		-o requirements-dev.txt requirements-dev.in
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		-o requirements-bench.txt requirements-bench.in

clean: ## Stop everything, remove .venv, var and caches, the demo data too; asks nothing 停止并清除全部生成文件
	@if $(BIN)/python -c 'import marketplace.running.__main__' 2>/dev/null; then $(RUN) clean; else rm -rf var; fi
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .grimp_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
