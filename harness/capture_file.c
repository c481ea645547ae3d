#include "harness/capture_file.h"

#include <pcap/pcap.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { FRAME_MAX = 1 << 17 };

/* Octets before the IP header by the capture's link type; -1: one that is not read here. */
static int link_header(int link, const uint8_t *p, size_t len)
{
    enum { VLAN = 0x8100, TAG = 4, TYPE_AT = 12 };
    switch (link) {
    case DLT_EN10MB:
        return len > TYPE_AT + 1 && (p[TYPE_AT] << 8 | p[TYPE_AT + 1]) == VLAN ? 14 + TAG : 14;
    case DLT_RAW:
    case DLT_IPV4:
    case DLT_IPV6: return 0;
    case DLT_NULL:
    case DLT_LOOP: return 4;
    case DLT_LINUX_SLL: return 16;
    case DLT_LINUX_SLL2: return 20;
    default: return -1;
    }
}

/* Headers are what most rules and scripts are made of: text that was not recorded counts as
 * zeros. */
static struct capture_packet whole(uint8_t *frame, int link, const struct pcap_pkthdr *h,
                                   const uint8_t *p)
{
    const size_t skip = (size_t)link_header(link, p, h->caplen);
    const bool cut = h->caplen < h->len && h->len <= FRAME_MAX;
    const size_t len = cut ? h->len : h->caplen;
    if (cut) {
        memcpy(frame, p, h->caplen);
        memset(frame + h->caplen, 0, h->len - h->caplen);
        p = frame;
    }
    return (struct capture_packet){
        .us = (uint64_t)h->ts.tv_sec * 1000000 + (uint64_t)h->ts.tv_usec,
        .octets = skip < len ? p + skip : p, .len = skip < len ? len - skip : 0,
        .held = skip < h->caplen ? h->caplen - skip : 0
    };
}

static void read_all(pcap_t *pcap, void (*each)(void *, const struct capture_packet *), void *arg,
                     char *why)
{
    const int link = pcap_datalink(pcap);
    uint8_t *frame = malloc(FRAME_MAX);
    struct pcap_pkthdr *h;
    const uint8_t *p;
    int status = 0;
    if (!frame)
        abort();
    if (link_header(link, NULL, 0) < 0)
        snprintf(why, CAPTURE_WHY, "its link type %d is not read here; Ethernet, raw IP, "
                 "loopback and cooked captures are", link);
    for (unsigned long n = 1; !why[0] && (status = pcap_next_ex(pcap, &h, &p)) == 1; n++) {
        struct capture_packet packet = whole(frame, link, h, p);
        packet.number = n;
        each(arg, &packet);
    }
    if (!why[0] && status == PCAP_ERROR)
        snprintf(why, CAPTURE_WHY, "%.200s", pcap_geterr(pcap));
    free(frame);
}

int capture_read(const char *path, void (*each)(void *, const struct capture_packet *), void *arg,
                 char *why)
{
    char error[PCAP_ERRBUF_SIZE];
    pcap_t *pcap = pcap_open_offline(path, error);
    why[0] = '\0';
    if (!pcap) {
        snprintf(why, CAPTURE_WHY, "%.200s", error);
        return -1;
    }
    read_all(pcap, each, arg, why);
    pcap_close(pcap);
    return why[0] ? -1 : 0;
}
