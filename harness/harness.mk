# What some files of this folder need beyond the general rules; included by the Makefile.

# lwIP's headers, for the layout of its structs: they are not ours to warn about.
$(OUT)/harness/sut_lwip.o $(OUT)/harness/sut_lwip_%.o: CFLAGS += -isystem /usr/include/lwip

# refstack as a packetdrill plug-in: objects of its own, for a shared object needs them relocatable.
# They are never sanitized: a program without sanitizers has to be able to load them.
PLUGIN := $(OUT)/librefstack_packetdrill.so
PLUGIN_SRC := $(filter-out %_test.c,$(wildcard refstack/*.c harness/plugin*.c \
    harness/sut_refstack*.c)) harness/script_set.c harness/tcpinfo.c
PLUGIN_CFLAGS = $(filter-out -fsanitize=% -fno-sanitize-recover=% -O1,$(CFLAGS)) -fPIC \
    -fvisibility=hidden

# build/librefstack_packetdrill.so is the variant built last.
all tests: $(PLUGIN)
tests: $(OUT)/bad_plugin.so
$(OUT)/harness/sut_so_test: | $(PLUGIN) $(OUT)/bad_plugin.so
$(OUT)/harness/plugin_test: | $(PLUGIN)

$(OUT)/pic/%.o: %.c Makefile harness/harness.mk
	@mkdir -p $(@D)
	$(SAY) "$(notdir $(OUT))/pic $<"
	$(Q)$(CC) $(PLUGIN_CFLAGS) -c -o $@ $<

$(PLUGIN): $(PLUGIN_SRC:%.c=$(OUT)/pic/%.o)
	$(SAY) "link $@"
	$(Q)$(CC) $(PLUGIN_CFLAGS) -shared -Wl,-z,defs -o $@ $^ -lpthread
	@ln -f $@ $(BUILD)/$(@F)

# One that misbehaves, for tests.
$(OUT)/bad_plugin.so: $(OUT)/pic/harness/sut_so_bad.o
	$(Q)$(CC) $(PLUGIN_CFLAGS) -shared -o $@ $^

-include $(wildcard $(OUT)/pic/*/*.d)
