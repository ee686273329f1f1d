# The words people type. Each sets up what it needs: system packages (as root on
# Debian; elsewhere it names them), .venv, and a build under build/.

PYTHON ?= python3
VPY = .venv/bin/python
MAX ?= 600
WHAT ?= all

.PHONY: help setup setup-test venv build release demo test test-asan test-pythons test-a64 \
        packages clients bench fuzz fuzz-abi fuzz-program conformance fmt check-layers wheel clean

help:
	@echo 'make demo          set up, build, and show what jiffi does'
	@echo 'make test          set up, build, and run every test (WHAT="all pythons": CI)'
	@echo 'make bench         measure against a hand-written extension, cffi, ctypes, ...'
	@echo 'make test-asan     the tests under AddressSanitizer and UBSan'
	@echo 'make test-pythons  the tests of the front end on every CPython here'
	@echo 'make test-a64      the core on AArch64, cross-built, under qemu-user'
	@echo 'make packages      the example packages: wheel, fresh environment, test'
	@echo 'make clients       packages built on cffi, on cffi and on jiffi in turn'
	@echo 'make conformance   run cffi'\''s own tests against the drop-in'
	@echo 'make fuzz          libFuzzer over lexer, parser, constants (MAX=seconds each)'
	@echo 'make fuzz-abi      random signatures against the C compiler, without end'
	@echo 'make fuzz-program  random fused functions against the C compiler'
	@echo 'make check-layers  who includes whom, file sizes, headers'
	@echo 'make fmt           format the C files'
	@echo 'make build         build/dev, with asserts: PYTHONPATH=build/dev/python python3'
	@echo 'make wheel         a wheel in dist/'
	@echo 'make clean         forget build/ (.venv stays)'

setup:
	@PYTHON=$(PYTHON) tools/setup.sh

setup-test:
	@PYTHON=$(PYTHON) tools/setup.sh --test

venv: setup
	@tools/venv.sh .venv $(PYTHON) requirements/dev.txt '?requirements/optional.txt'

build: venv
	@tools/build.sh dev

release: venv
	@tools/build.sh release -Db_ndebug=true -Dtests=false

demo: release
	@tools/venv.sh .venv $(PYTHON) '?requirements/demo.txt'
	@PYTHONPATH=build/release/python $(VPY) examples/demo.py

test: setup-test venv
	@$(VPY) tools/check.py $(WHAT)

test-asan: setup-test venv
	@$(VPY) tools/check.py asan

test-pythons: setup-test venv
	@$(VPY) tools/check.py pythons

test-a64: venv
	@tools/cross/test-a64.sh

clients: build
	@$(VPY) tests/clients/run

packages: setup-test venv
	@$(VPY) tests/packaging/run

bench: release
	@tools/venv.sh .venv $(PYTHON) '?requirements/bench.txt'
	@PYTHONPATH=build/release/python $(VPY) bench/run.py

conformance: build
	@$(VPY) tests/conformance/run

fuzz: venv
	@tests/fuzz/run $(MAX)

fuzz-abi: build
	@$(VPY) tests/abi/fuzz.py --objects build/dev --side code,libffi,x64 --count 0

fuzz-program: build
	@$(VPY) tests/program/fuzz.py --objects build/dev --count 3000

check-layers: venv
	@$(VPY) tools/layers.py

fmt: venv
	@$(VPY) tools/fmt.py "$$(PATH=$(CURDIR)/.venv/bin:$$PATH command -v clang-format)"

wheel: venv
	@$(VPY) -m pip wheel -q --no-deps -w dist .

clean:
	rm -rf build dist
