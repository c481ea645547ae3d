# tcprig.  `make help` lists the targets.
#
# Sources and tests are found, never listed: a .c file is compiled, a *_test.c beside it becomes a
# test program; a .c (but in fuzz/) or .sh in a bench/ folder is a benchmark.  Objects live per
# compiler and sanitizer (build/gcc, build/clang-14-asan-ubsan, ...), so that builds never mix.

CC := gcc
SAN :=
BUGS :=
COVERAGE :=
BUILD := build
# V=1 shows each command.
Q := $(if $(V),,@)
SAY := @$(if $(V),:,printf '  %s\n')
comma := ,

OUT := $(BUILD)/$(notdir $(CC))$(if $(SAN),-$(subst $(comma),-,$(SAN)))$(if $(BUGS),-bugs)$\
    $(if $(COVERAGE),-coverage)
SAN_NAMES := $(subst asan,address,$(subst ubsan,undefined,$(SAN)))
WARN := -Wall -Wextra -Wconversion -Wshadow -pedantic -Werror
CFLAGS := -std=gnu11 -D_GNU_SOURCE -O2 -g -I. -MMD -MP $(WARN) $(if $(BUGS),-DRS_BUGS) \
    $(if $(SAN),-O1 -fsanitize=$(SAN_NAMES) -fno-sanitize-recover=all -fno-omit-frame-pointer)
LDLIBS := -lmnl -ljansson -lpcap -lm

# Everything but the tests and what has a main (or an engine's entry point) of its own.
PROGRAMS := harness/main.c fuzz/fuzz_%.c %_main.c fuzz/seedgen.c fuzz/mutate_afl.c
ALL := $(wildcard refstack/*.c harness/*.c interop/*.c fuzz/*.c)
LIB := $(filter-out %_test.c $(PROGRAMS),$(ALL))
TESTS := $(patsubst %.c,$(OUT)/%,$(filter %_test.c,$(ALL)))
BENCHES := $(patsubst %.c,$(OUT)/%,$(wildcard $(addsuffix /bench/*.c,refstack harness interop)))

.PHONY: all tests run check unit scripts interop triage bench coverage lint help clean
.DELETE_ON_ERROR:
.SECONDARY:

# build/tcprig is the variant built last.
all: $(OUT)/tcprig
	@ln -f $< $(BUILD)/tcprig

$(OUT)/tcprig: $(OUT)/harness/main.o $(OUT)/libtcprig.a
	$(SAY) "link $@"
	$(Q)$(CC) $(CFLAGS) -o $@ $^ $(LDLIBS)

$(OUT)/libtcprig.a: $(LIB:%.c=$(OUT)/%.o)
	@rm -f $@
	@ar rcs $@ $^

$(OUT)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(SAY) "$(notdir $(OUT)) $<"
	$(Q)$(CC) $(CFLAGS) -c -o $@ $<

# What bounds a transfer: here gcc has to vectorise the inner loop, as clang does at -O2.
$(OUT)/refstack/checksum.o: CFLAGS += $(if $(SAN)$(COVERAGE),,-O3)

# What `make coverage` counts.  Without optimisation a line's count is that line's own.
ifneq ($(COVERAGE),)
$(OUT)/refstack/%.o: CFLAGS += -O0 --coverage
LDLIBS += --coverage
endif
COVERED := $(patsubst %.c,$(OUT)/%,$(wildcard refstack/*_test.c harness/sut_refstack*_test.c)) \
    $(OUT)/tcprig
.PHONY: coverage-programs
coverage-programs: $(COVERED)

tests: $(TESTS) $(OUT)/tcprig

# A test that defines __wrap_f stands between f and its callers, to show what they do when f errs.
WRAPS = $(patsubst %,-Wl$(comma)--wrap=%,$(sort $(shell \
    sed -nE 's/.*\<__wrap_([a-z0-9_]+).*/\1/p' $*_test.c)))

# fuzz_segment's rules are in the target itself, which is in no library.
$(OUT)/fuzz/segment_test: $(OUT)/fuzz/fuzz_segment.o
$(OUT)/fuzz/segment_test: LDLIBS += $(OUT)/libtcprig.a

$(OUT)/%_test: $(OUT)/%_test.o $(OUT)/libtcprig.a
	$(SAY) "link $@"
	$(Q)$(CC) $(CFLAGS) -o $@ $^ -lcmocka $(LDLIBS) $(WRAPS)

$(BENCHES): $(OUT)/%: $(OUT)/%.o $(OUT)/libtcprig.a
	$(SAY) "link $@"
	$(Q)$(CC) $(CFLAGS) -o $@ $^ $(LDLIBS)

include harness/harness.mk
-include fuzz/fuzz.mk
ifneq ($(filter fuzz,$(MAKECMDGOALS)),)
ifeq ($(filter $(T),$(FUZZ_TARGETS)),)
$(error make fuzz: there is no target T=$(T); there are $(FUZZ_TARGETS))
endif
endif
-include $(wildcard $(OUT)/*/*.d $(OUT)/*/bench/*.d)

# ---- what people type ------------------------------------------------------------------------

run: ## install, build, fuzz a little, interop, triage a planted bug, report: the whole path
	@.ci/make-run

check: ## everything that must hold, in about three minutes; ends with the counts
	@.ci/make-check

unit: tests ## the unit tests only (CC=clang-14 SAN=asan,ubsan for the sanitizers)
	@.ci/unit $(OUT)

scripts: all ## the conformance scripts on refstack (ARGS= for more options)
	@$(BUILD)/tcprig run --on refstack $(ARGS) \
	    $(filter-out %/interop,$(wildcard corpus/scripts/*))

interop: all ## refstack against this machine's kernel (ARGS= for more options)
	@$(BUILD)/tcprig interop $(ARGS)

triage: $(OUT)/tcprig fuzz-replay$(if $(BUGS),-bugs) ## group, minimise and explain finds (D=folder)
	@$< triage $(if $(BUGS),--bug $(BUGS)) $(or $(D),$(BUILD)/findings)

bench: all $(BENCHES) ## the benchmarks, each beside its peer or ceiling
	@.ci/bench $(BENCHES) $(wildcard */bench/*.sh)

coverage: ## what of refstack/ tests, scripts and corpus reach, and what not
	@.ci/coverage

lint: ## layers, sequence comparisons, sizes, purity of refstack
	@.ci/lint

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18
	@echo "  make fuzz       fuzz T=fuzz_conn ENGINE=libfuzzer|aflpp SECONDS=60 [BUGS=name]"
	@echo "Variables: CC=gcc|clang-14  SAN=asan,ubsan  BUGS=1 (compile the planted bugs)  V=1"

clean: ## remove build/
	rm -rf $(BUILD)
