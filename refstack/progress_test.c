/* What an acknowledgment says of the neighbour it came through, RFC 4861 section 7.3.1: its word
 * for one is none for another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "refstack/sim.h"

static unsigned solicitations; /* of host A */

static void carry_all(struct sim *s)
{
    static uint8_t frame[2048];

    for (bool moved = true; moved;) {
        moved = false;
        for (int i = 0; i < 2; i++)
            for (size_t n; (n = rs_output(s->host[i], frame, sizeof frame, s->now)) > 0;) {
                moved = true;
                solicitations += i == SIM_A && frame[12] == 8 && frame[13] == 6;
                rs_input(s->host[1 - i], frame, n, s->now);
            }
    }
}

/* Text acknowledged all the time keeps its own neighbour from being asked, while another who is
 * not there is asked for as often as ever, and given up. */
static void progress_with_one_neighbour_is_none_with_another(void **unused)
{
    const struct rs_endpoint any = { .port = 0 };
    const struct rs_endpoint server = sim_at(SIM_B, 80);
    const struct rs_endpoint nobody = sim_at(76, 80);
    struct sim s = { .now = RS_SEC };
    struct rs_config c;
    uint8_t octet[16];

    (void)unused;
    rs_config_default(&c);
    sim_open(&s, &c);
    const int b = rs_open_passive(s.host[SIM_B], &server, NULL, s.now);
    const int a = rs_open_active(s.host[SIM_A], &any, &server, s.now);
    carry_all(&s);
    assert_int_equal(solicitations, 1);
    const int lost = rs_open_active(s.host[SIM_A], &any, &nobody, s.now);
    assert_true(lost >= 0);
    solicitations = 0;
    for (int i = 0; i < 30; i++, s.now += 100 * RS_MSEC) {
        assert_int_equal(rs_send(s.host[SIM_A], a, "x", 1, RS_PUSH, s.now), 1);
        carry_all(&s);
        rs_receive(s.host[SIM_B], b, octet, sizeof octet, s.now);
    }
    assert_in_range(solicitations, 3, 4); /* RFC 4861's MAX_MULTICAST_SOLICIT, and anew */
    struct rs_status status;
    assert_int_equal(rs_status(s.host[SIM_A], a, &status), 0);
    assert_int_equal(status.state, RS_ESTABLISHED);
    sim_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(progress_with_one_neighbour_is_none_with_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
