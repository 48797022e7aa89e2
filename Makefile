# Each target does all its set-up on a fresh Debian 12 with Swift 6.3.
SHELL := /bin/bash
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
LIBRARIES := libmicrohttpd-dev libjansson-dev libgnutls28-dev pkg-config
# What the tests use beside the libraries.
TOOLS := curl jq python3 python3-venv python3-yaml python3-jsonschema procps nodejs
# What `make bench` measures beside: redis-benchmark and, under another name, redis-server, but no service that would start;
# GNU parallel.
PEERS := redis-tools parallel
# What `make clients-test` generates, builds and runs clients with.
LANGUAGES := openjdk-17-jdk-headless golang-go golang-gopkg-validator.v2-dev node-typescript libjakarta-annotation-api-java \
  libjsr305-java
ARGS ?=

.PHONY: run build test workers-test check format tsan asan fuzz conformance bench stress clients-test image-test libraries tools peers

run: build
	.build/release/procession serve $(ARGS)

build: libraries
	swift build -c release --static-swift-stdlib --product procession

# Builds the binary too, which the tests at daemon height start.
test: libraries tools
	swift build --build-tests
	Tests/run.sh $(ARGS)
	Tests/Workers/run.sh

# What the pools' workers have to do, by the worker protocol: Sources/CEmbedded/PROTOCOL.md.
workers-test: tools
	Tests/Workers/run.sh

check: libraries
	swift format lint --strict --recursive Sources Tests Package.swift
	swift build --build-tests
	swift test --skip-build --filter OpenAPITests

format:
	swift format --in-place --recursive Sources Tests Package.swift

# One test after the other: those that race have threads of their own, which then have the machine for themselves.
tsan: libraries
	swift test --scratch-path .build-tsan --sanitize=thread -Xswiftc -DTSAN --filter ProcessCoreTests --no-parallel $(ARGS)

asan: libraries tools
	swift test --scratch-path .build-asan --sanitize=address $(ARGS)

fuzz: libraries tools
	swift build --scratch-path .build-asan --sanitize=address --product procession
	ASAN_OPTIONS=quarantine_size_mb=8 python3 Tests/Fuzz/fuzz.py .build-asan/debug/procession --health 3 --body 30000 --growth 500 --seconds $(or $(SECONDS_TO_FUZZ),600)

conformance: libraries tools
	swift build --product procession
	Tests/Conformance/run.sh .build/debug/procession

bench: libraries tools peers
	swift build -c release --static-swift-stdlib
	python3 Tests/Bench/bench.py $(ARGS)
	python3 Tests/Bench/workers.py
	python3 Tests/Bench/pools.py

# Some ten minutes, of which two hundred tours take most: ARGS='--only hostile' leaves them out.
stress: libraries tools
	swift build -c release --static-swift-stdlib --product procession
	python3 Tests/Stress/stress.py .build/release/procession $(ARGS)

clients-test: libraries tools
	@$(call install,$(LANGUAGES))
	swift build --product procession
	Tests/Clients/run.sh .build/debug/procession

image-test: tools
	@$(call install,openssl)
	Tests/Image/run.sh

# Installs only what is missing, so that a machine that has it all needs neither root nor the network.
libraries:
	@$(call install,$(LIBRARIES))

tools:
	@$(call install,$(TOOLS))

peers:
	@$(call install,$(PEERS))

define install
missing=""; for package in $(1); do dpkg-query -W -f='$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$package"; done; \
if [ -n "$$missing" ]; then echo "installing$$missing"; $(SUDO) apt-get update -qq && $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; fi
endef
