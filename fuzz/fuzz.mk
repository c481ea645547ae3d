# Fuzz targets: every fuzz/fuzz_*.c becomes a program per engine, from the same source.
#
#   build/libfuzzer/T        libFuzzer, ASan, UBSan
#   build/libfuzzer-plain/T  libFuzzer, without sanitizers
#   build/aflpp/T            AFL++ persistent mode, ASan, UBSan
#   build/replay/T           plain main over files and directories, any C compiler, ASan, UBSan
#   build/*-bugs/T           the same with the planted bugs compiled in (TCPRIG_BUG=name wakes one)
#
#   make fuzz T=fuzz_conn ENGINE=libfuzzer|aflpp SECONDS=60 [BUGS=name]
#
# Included by the Makefile; works alone too: make -f fuzz/fuzz.mk fuzz T=...

BUILD ?= build
FUZZ_CLANG ?= clang-14
FUZZ_AFL ?= afl-clang-fast
FUZZ_CC ?= $(CC)

FUZZ_TARGETS := $(patsubst fuzz/%.c,%,$(wildcard fuzz/fuzz_*.c))
# What a target links: all of refstack, the fuzz folder's shared parts, and the harness modules
# that run in process without namespaces or devices.
FUZZ_HARNESS := $(filter-out %_test.c,$(wildcard $(patsubst %,harness/%.c,oracle guard input_* \
    decode decode_* tracelog* invariants* arrival egress* conn_* peer place vnet fault wireview* \
    script script_lex script_set script_parse* script_print* tracelog)))
FUZZ_LIB_SRC := $(filter-out %_test.c %_main.c fuzz/fuzz_%.c fuzz/mutate_afl.c fuzz/seedgen.c, \
    $(wildcard refstack/*.c fuzz/*.c)) $(FUZZ_HARNESS)
FUZZ_CFLAGS := -std=gnu11 -g -O2 -I. -MMD -MP -Wall -Wextra -Wconversion -Wshadow -pedantic \
    -Werror -fno-omit-frame-pointer
FUZZ_SAN := -fsanitize=address,undefined -fno-sanitize-recover=undefined

# What only looks (the rules and the decoder) owns no memory that the stack touches.  Under an
# engine it is built without sanitizers, which would double its cost; the replay programs and the
# unit tests run the same code with them.
FUZZ_LOOKS := $(basename $(filter-out %_test.c,$(wildcard harness/input_*.c harness/invariants*.c \
    harness/egress*.c harness/arrival.c)))

# Only the stack is instrumented for coverage: branches of the checkers, the peer and the decoder
# are of no interest to an engine and cost it most of its time.
# $(call fuzz_variant,name,compiler,its flags for the stack,compiler and flags for the rest,
#     link flags,main object,flags that the rules add)
define fuzz_variant
$(BUILD)/$(1)/refstack/%.o: refstack/%.c
	@mkdir -p $$(@D)
	$(2) $(FUZZ_CFLAGS) $(3) -c -o $$@ $$<
$(BUILD)/$(1)/fuzz/bench/fuzz_%.o: fuzz/bench/fuzz_%.c
	@mkdir -p $$(@D)
	$(2) $(FUZZ_CFLAGS) $(3) -c -o $$@ $$<
$(BUILD)/$(1)/%.o: %.c
	@mkdir -p $$(@D)
	$(4) $(FUZZ_CFLAGS) $$(FUZZ_LOOKS_FLAGS) -c -o $$@ $$<
$(BUILD)/$(1)/libfuzz.a: $(patsubst %.c,$(BUILD)/$(1)/%.o,$(FUZZ_LIB_SRC))
	@rm -f $$@
	@ar rcs $$@ $$^
$(BUILD)/$(1)/fuzz_%: $(BUILD)/$(1)/fuzz/fuzz_%.o $(6) $(BUILD)/$(1)/libfuzz.a
	$(2) -g $(3) $(5) -o $$@ $$^
$(BUILD)/$(1)/show: $(BUILD)/$(1)/fuzz/show_main.o $(BUILD)/$(1)/libfuzz.a
	$(2) -g $(3) -o $$@ $$^
$(BUILD)/$(1)/fuzz_empty: $(BUILD)/$(1)/fuzz/bench/fuzz_empty.o $(6)
	$(2) -g $(3) $(5) -o $$@ $$^
$(BUILD)/$(1)/fuzz_fixed: $(BUILD)/$(1)/fuzz/bench/fuzz_fixed.o $(6) $(BUILD)/$(1)/libfuzz.a
	$(2) -g $(3) $(5) -o $$@ $$^
$(FUZZ_LOOKS:%=$(BUILD)/$(1)/%.o): FUZZ_LOOKS_FLAGS = $(7)
.PHONY: fuzz-$(1)
fuzz-$(1): $(FUZZ_TARGETS:%=$(BUILD)/$(1)/%)
# The script parser is what fuzz_script is about; the other targets do not link it.
$(BUILD)/$(1)/harness/script_%.o: harness/script_%.c
	@mkdir -p $$(@D)
	$(2) $(FUZZ_CFLAGS) $(3) -c -o $$@ $$<
-include $(wildcard $(BUILD)/$(1)/*/*.d $(BUILD)/$(1)/*/bench/*.d)
endef

.SECONDARY:
# Comparisons are not traced: the event mutator has no use for them and they cost a fifth of the
# time.
FUZZ_LF := -fsanitize=fuzzer-no-link -fno-sanitize-coverage=trace-cmp \
    -fsanitize-coverage-ignorelist=fuzz/uncounted.list
FUZZ_LL := -fsanitize=fuzzer
# Under an engine speed counts.  Null pointers and overruns of objects are what ASan and the guard
# page find anyhow; the replay programs, which every committed input goes through, keep every check.
FUZZ_FAST := $(FUZZ_SAN) -fno-sanitize=null,object-size -fno-sanitize-address-use-after-scope \
    -Xclang -mllvm -Xclang -inline-threshold=500
FUZZ_CS := $(FUZZ_CLANG) $(FUZZ_FAST)
# gcc warns of conversions that only the sanitizers' own code makes; the ordinary build checks them.
FUZZ_RC := $(FUZZ_SAN) -Wno-conversion -Wno-sign-conversion
FUZZ_BARE := -fno-sanitize=all
FUZZ_AS := $(FUZZ_CS) -D__AFL_COMPILER
$(eval $(call fuzz_variant,libfuzzer,$(FUZZ_CLANG),$(FUZZ_FAST) $(FUZZ_LF),$(FUZZ_CS),$(FUZZ_LL), \
    ,$(FUZZ_BARE)))
$(eval $(call fuzz_variant,libfuzzer-bugs,$(FUZZ_CLANG),$(FUZZ_FAST) $(FUZZ_LF) -DRS_BUGS, \
    $(FUZZ_CS) -DRS_BUGS,$(FUZZ_LL),,$(FUZZ_BARE)))
$(eval $(call fuzz_variant,libfuzzer-plain,$(FUZZ_CLANG),$(FUZZ_LF),$(FUZZ_CLANG),$(FUZZ_LL),))
$(eval $(call fuzz_variant,aflpp,$(FUZZ_AFL),$(FUZZ_FAST),$(FUZZ_AS),$(FUZZ_LL),,$(FUZZ_BARE)))
$(eval $(call fuzz_variant,aflpp-bugs,$(FUZZ_AFL),$(FUZZ_FAST) -DRS_BUGS, \
    $(FUZZ_AS) -DRS_BUGS,$(FUZZ_LL),,$(FUZZ_BARE)))
$(eval $(call fuzz_variant,replay,$(FUZZ_CC),$(FUZZ_RC),$(FUZZ_CC) $(FUZZ_RC),, \
    $(BUILD)/replay/fuzz/replay_main.o))
$(eval $(call fuzz_variant,replay-bugs,$(FUZZ_CC),$(FUZZ_RC) -DRS_BUGS,\
    $(FUZZ_CC) $(FUZZ_RC) -DRS_BUGS,, \
    $(BUILD)/replay-bugs/fuzz/replay_main.o))

# AFL++ loads its mutator; it is built without instrumentation from the source that libFuzzer links.
FUZZ_MUTATE_SRC := fuzz/mutate_afl.c fuzz/mutate.c fuzz/mutate_event.c \
    $(filter-out %_test.c,$(wildcard harness/input_*.c))
$(BUILD)/aflpp/mutate-fuzz_pair.so: FUZZ_MUTATE_FLAGS := -DMUTATE_TARGET=MUTATE_PAIR
$(BUILD)/aflpp/mutate-%.so: $(FUZZ_MUTATE_SRC) $(wildcard fuzz/mutate*.h harness/input*.h)
	@mkdir -p $(@D)
	$(FUZZ_CC) $(filter-out -MMD -MP,$(FUZZ_CFLAGS)) $(FUZZ_MUTATE_FLAGS) -fPIC -shared -o $@ \
	    $(filter %.c,$^)

# The committed seeds, written anew: make seeds.  Those of fuzz_script are scripts, written by hand.
$(BUILD)/replay/seedgen: $(BUILD)/replay/fuzz/seedgen.o $(BUILD)/replay/libfuzz.a
	$(FUZZ_CC) -g $(FUZZ_SAN) -o $@ $^
.PHONY: seeds
seeds: $(BUILD)/replay/seedgen
	@mkdir -p corpus/seeds
	@rm -rf $(patsubst %,corpus/seeds/%,$(filter-out fuzz_script,$(FUZZ_TARGETS)))
	@$< corpus/seeds

# ---- make fuzz -----------------------------------------------------------------------------

T ?= fuzz_conn
ENGINE ?= libfuzzer
SECONDS ?= 60
MAX_LEN ?= 512
FUZZ_DIR = $(ENGINE)$(if $(BUGS),-bugs)
FUZZ_WORK = $(BUILD)/corpus/$(FUZZ_DIR)$(if $(BUGS),-$(BUGS))/$(T)
FUZZ_FOUND = $(BUILD)/findings/$(T)
FUZZ_SEEDS = $(wildcard corpus/seeds/$(T) corpus/regress/$(T))
# A target with structured input says so by including the mutator's header.
FUZZ_MUTATES = $(shell grep -l '"fuzz/mutate.h"' fuzz/$(T).c 2>/dev/null)

# OSS-Fuzz's convention: a target's own flags for libFuzzer lie beside it.
FUZZ_OPTIONS = $(shell sed -n 's/^\([a-z_]*\) *= */-\1=/p' fuzz/$(T).options 2>/dev/null)

.PHONY: fuzz fuzz-run-libfuzzer fuzz-run-aflpp fuzz-check
fuzz: $(if $(filter libfuzzer aflpp,$(ENGINE)),fuzz-run-$(ENGINE),fuzz-bad-engine)
fuzz-bad-engine:
	@echo "make fuzz: ENGINE=$(ENGINE) is not an engine; give libfuzzer or aflpp" >&2; exit 2

fuzz-run-libfuzzer: $(BUILD)/libfuzzer$(if $(BUGS),-bugs)/$(T)
	@mkdir -p $(FUZZ_WORK) $(FUZZ_FOUND)
	@TCPRIG_BUG=$(BUGS) $< -max_total_time=$(SECONDS) -max_len=$(MAX_LEN) -timeout=10 \
	    -rss_limit_mb=1024 \
	    -artifact_prefix=$(FUZZ_FOUND)/ -print_final_stats=1 \
	    $(FUZZ_OPTIONS) $(patsubst %,-dict=%,$(wildcard fuzz/$(T).dict)) \
	    $(FUZZ_WORK) $(FUZZ_SEEDS) \
	    || { echo "make fuzz: a finding is in $(FUZZ_FOUND)" >&2; exit 1; }

FUZZ_AFL_ENV = AFL_NO_UI=1 AFL_NO_AFFINITY=1 AFL_SKIP_CPUFREQ=1 \
    AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_BENCH_UNTIL_CRASH=1 TCPRIG_BUG=$(BUGS) \
    $(if $(FUZZ_MUTATES),AFL_CUSTOM_MUTATOR_LIBRARY=$(BUILD)/aflpp/mutate-$(T).so)
fuzz-run-aflpp: $(BUILD)/aflpp$(if $(BUGS),-bugs)/$(T) \
    $(if $(FUZZ_MUTATES),$(BUILD)/aflpp/mutate-$(T).so)
	@rm -rf $(FUZZ_WORK) && mkdir -p $(FUZZ_WORK)/in $(FUZZ_FOUND)
	@find $(FUZZ_SEEDS) -type f -exec cp {} $(FUZZ_WORK)/in/ \; 2>/dev/null || true
	@test -n "$$(ls $(FUZZ_WORK)/in)" || printf 'seed' >$(FUZZ_WORK)/in/seed
	@$(FUZZ_AFL_ENV) afl-fuzz -V $(SECONDS) -t 1000 -m none -G $(MAX_LEN) \
	    $(patsubst %,-x %,$(wildcard fuzz/$(T).dict)) \
	    -i $(FUZZ_WORK)/in -o $(FUZZ_WORK)/out -- $< >$(FUZZ_WORK)/log 2>&1 \
	    || { tail -n 20 $(FUZZ_WORK)/log >&2; exit 2; }
	@grep -E '^(execs_|corpus_count|saved_|bitmap_cvg|stability)' $(FUZZ_WORK)/out/default/fuzzer_stats
	@found=$$(find $(FUZZ_WORK)/out/default/crashes $(FUZZ_WORK)/out/default/hangs -name 'id:*'); \
	if [ -n "$$found" ]; then \
	    for f in $$found; do cp "$$f" "$(FUZZ_FOUND)/aflpp-$$(cksum <"$$f" | tr ' ' -)"; done; \
	    echo "make fuzz: a finding is in $(FUZZ_FOUND)" >&2; exit 1; \
	fi

# Inputs per CPU-second: in process with the engine's instrumentation, then under the engine.
$(BUILD)/libfuzzer/bench: $(BUILD)/libfuzzer/fuzz/bench/bench_main.o \
    $(BUILD)/libfuzzer/fuzz/fuzz_conn.o $(BUILD)/libfuzzer/libfuzz.a
	$(FUZZ_CLANG) -g $(FUZZ_SAN) $(FUZZ_LF) -o $@ $^
.PHONY: fuzz-bench
fuzz-bench: $(BUILD)/libfuzzer/bench $(BUILD)/libfuzzer-plain/fuzz_empty \
    $(BUILD)/libfuzzer-plain/fuzz_segment $(BUILD)/libfuzzer/fuzz_empty \
    $(BUILD)/libfuzzer/fuzz_conn $(BUILD)/libfuzzer/fuzz_fixed $(BUILD)/aflpp/fuzz_empty \
    $(BUILD)/aflpp/fuzz_conn $(BUILD)/aflpp/fuzz_pair \
    $(BUILD)/aflpp/mutate-fuzz_conn.so $(BUILD)/aflpp/mutate-fuzz_pair.so
	@fuzz/bench/run.sh $(BUILD)

# Replay programs of the Makefile's own objects, for `make coverage`.
ifneq ($(COVERAGE),)
$(OUT)/replay/%: $(OUT)/fuzz/%.o $(OUT)/fuzz/replay_main.o $(OUT)/libtcprig.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -o $@ $^ $(LDLIBS)
coverage-programs: $(FUZZ_TARGETS:%=$(OUT)/replay/%)
endif

# Every committed input through the replay programs: seeds and what was once found.
fuzz-check: fuzz-replay
	@for t in $(FUZZ_TARGETS); do \
	    set -- $$(ls -d corpus/seeds/$$t corpus/regress/$$t 2>/dev/null); \
	    if [ $$# = 0 ]; then echo "fuzz-check: $$t: skipped: no inputs are committed"; continue; fi; \
	    echo "fuzz-check: $$t: $$($(BUILD)/replay/$$t -q "$$@")" || exit 1; \
	done
