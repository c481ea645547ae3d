# What some files of this folder need beyond the general rules; included by the Makefile.

# lwIP's headers, for the layout of its structs: they are not ours to warn about.
$(OUT)/harness/sut_lwip.o $(OUT)/harness/sut_lwip_%.o: CFLAGS += -isystem /usr/include/lwip
