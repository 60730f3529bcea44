# SPDX-License-Identifier: BSD-2-Clause
# A short front for meson and ninja: `make demo` and `make test` work on a fresh clone.
BUILD ?= build
ASAN ?= build-asan
TSAN ?= build-tsan
TSAN_TESTS = create fields kinds peers shared stack_trace threads
PREFIX ?= /usr/local
DESTDIR ?=
export PATH := $(PATH):/usr/sbin:/sbin

all: $(BUILD)/build.ninja
	@ninja -C $(BUILD) --quiet

$(BUILD)/build.ninja: meson.build
	@./scripts/setup
	@[ -f $@ ] || meson setup $(BUILD) --prefix $(PREFIX) >$(BUILD).log 2>&1 || { tail -20 $(BUILD).log; exit 1; }
	@rm -f $(BUILD).log; touch $@

setup:
	@./scripts/setup

demo: setup all
	@./scripts/demo $(BUILD)

test: setup all
	@./scripts/test $(BUILD)

# The kernel's test_verifier against what kernels answered; builds the kernel's selftests the first time.
conformance: setup all
	@./scripts/conformance $(BUILD) $(if $(V),-v)

bench: setup all
	@./bench/run $(BUILD)
	@./bench/exec/run $(BUILD)
	@./bench/map/run $(BUILD)

# Processes that use maps are killed, a minute per kind of map, and probes come and go for a minute (make test: a moment).
chaos: all
	@CHAOS_SECONDS=60 CHAOS_VERBOSE=1 BUILD=$(abspath $(BUILD)) SRC=$(CURDIR) OBJ=$(abspath $(BUILD))/tests/data/bpf sh tests/e2e/chaos.sh
	@PROBES_SECONDS=60 BUILD=$(abspath $(BUILD)) SRC=$(CURDIR) OBJ=$(abspath $(BUILD))/tests/data/bpf sh tests/e2e/randprobes.sh

# The whole test suite again, under AddressSanitizer and UndefinedBehaviorSanitizer.
asan: setup
	@[ -f $(ASAN)/build.ninja ] || meson setup $(ASAN) -Db_sanitize=address,undefined -Db_lundef=false >/dev/null
	@ninja -C $(ASAN) --quiet
	@RACE_SECONDS=30 ./scripts/test $(ASAN)

# The map tests with threads and processes, under ThreadSanitizer. Races that are meant to be stand in map/race.h.
tsan: setup
	@[ -f $(TSAN)/build.ninja ] || meson setup $(TSAN) -Db_sanitize=thread -Db_lundef=false -Dc_args=-Wno-tsan >/dev/null
	@ninja -C $(TSAN) --quiet $(TSAN_TESTS:%=tests/unit/map/test_map_%) tests/unit/shim/test_fdtab
	@for t in $(TSAN_TESTS:%=map/test_map_%) shim/test_fdtab; do TSAN_OPTIONS=halt_on_error=1 $(TSAN)/tests/unit/$$t || exit 1; done

install: all
	@DESTDIR=$(DESTDIR) meson install -C $(BUILD) --no-rebuild

clean:
	rm -rf $(BUILD) $(ASAN) $(TSAN)

.PHONY: all setup demo test conformance bench chaos asan tsan install clean
