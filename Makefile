# A bare checkout needs make and Python 3.11 or later with venv; everything else comes by `make run` or `make test`.
PY = .venv/bin/python

.PHONY: run test lint stop lock messages bench

# The whole installation in this terminal: http://127.0.0.1:8000/admin/ (another port: PORT=8001 make run).
run: .venv/installed
	@exec $(PY) -m config.run

# Every check and test; extra arguments for pytest by ARGS=.
test: .venv/installed
	@exec $(PY) -m tests.checks all $(ARGS)

# The checks that need no test run.
lint: .venv/installed
	@exec $(PY) -m tests.checks lint

# Ends the embedded PostgreSQL and Valkey, where a command left them running. Their data stays.
stop: .venv/installed
	@exec $(PY) -m config.local_services stop

# Compiles pyproject.toml into the hashed requirements, for every supported Python at once (newer: ARGS=--upgrade).
UV = .local/tools/bin/uv
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --custom-compile-command "make lock" $(ARGS) pyproject.toml
lock: .venv/installed
	@test -x $(UV) || { $(PY) -m venv .local/tools && .local/tools/bin/pip install --quiet uv; }
	$(COMPILE) --all-extras --output-file requirements-dev.txt
	$(COMPILE) --constraint requirements-dev.txt --output-file requirements.txt

# Brings the Russian catalogue in line with the code and compiles it; lists what has no translation yet.
messages: .venv/installed
	@exec $(PY) manage.py messages

bench: .venv/installed
	@exec $(PY) benchmarks/run.py $(ARGS)

.venv/installed: requirements-dev.txt
	@for python in python3.13 python3.12 python3.11 python3; do \
		if $$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
			exec $$python config/bootstrap.py; \
		fi; \
	done; \
	echo "error: Python 3.11 or later with venv is needed (on Debian and Ubuntu: python3-venv)" >&2; exit 1
