# Each target does all its set-up on a fresh Debian 12 with Swift 6.3.
SHELL := /bin/bash
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
LIBRARIES := libmicrohttpd-dev libjansson-dev libgnutls28-dev pkg-config
# What the tests use beside the libraries.
TOOLS := curl jq python3 python3-venv python3-yaml python3-jsonschema procps
ARGS ?=

.PHONY: run build test check format tsan asan fuzz conformance bench libraries tools

run: build
	.build/release/procession serve $(ARGS)

build: libraries
	swift build -c release --product procession

# Builds the binary too, which the tests at daemon height start.
test: libraries tools
	swift build --build-tests
	swift test --skip-build $(ARGS)

check: libraries
	swift format lint --strict --recursive Sources Tests Package.swift
	swift build --build-tests
	swift test --skip-build --filter OpenAPITests

format:
	swift format --in-place --recursive Sources Tests Package.swift

tsan: libraries
	swift test --scratch-path .build-tsan --sanitize=thread -Xswiftc -DTSAN --filter ProcessCoreTests $(ARGS)

asan: libraries tools
	swift test --scratch-path .build-asan --sanitize=address $(ARGS)

fuzz: libraries tools
	swift build --scratch-path .build-asan --sanitize=address --product procession
	ASAN_OPTIONS=quarantine_size_mb=8 python3 Tests/Fuzz/fuzz.py .build-asan/debug/procession --health 3 --body 30000 --growth 500 --seconds $(or $(SECONDS_TO_FUZZ),600)

conformance: libraries tools
	swift build --product procession
	Tests/Conformance/run.sh .build/debug/procession

bench: libraries
	swift build -c release
	python3 Tests/Bench/bench.py $(ARGS)

# Installs only what is missing, so that a machine that has it all needs neither root nor the network.
libraries:
	@$(call install,$(LIBRARIES))

tools:
	@$(call install,$(TOOLS))

define install
missing=""; for package in $(1); do dpkg-query -W -f='$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$package"; done; \
if [ -n "$$missing" ]; then echo "installing$$missing"; $(SUDO) apt-get update -qq && $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; fi
endef
