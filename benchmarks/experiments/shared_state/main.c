// shared_state bench DESIGN EXIT_NS DOORBELL_NS MILLISECONDS | shared_state kills DESIGN random|crash_points|scribble ROUNDS EXIT_NS
#include "model.h"

int main(int count, char **arguments) {
    static const struct design *const designs[] = {&host_design, &memory_design, &keeper_design, &ring_design, &lease_design};
    oracle = session_memory(sizeof *oracle);
    for (size_t n = 0; count == 6 && n < sizeof designs / sizeof *designs; n++) {
        if (strcmp(arguments[2], designs[n]->name)) continue;
        if (strcmp(arguments[1], "bench") == 0) {
            costs.exit_ns = strtoull(arguments[3], NULL, 10), costs.doorbell_ns = strtoull(arguments[4], NULL, 10);
            return run_bench(designs[n], strtoull(arguments[5], NULL, 10));
        }
        if (strcmp(arguments[1], "kills") == 0) {
            costs.exit_ns = strtoull(arguments[5], NULL, 10), costs.doorbell_ns = 0;
            return run_kills(designs[n], atoi(arguments[4]), !strcmp(arguments[3], "crash_points"), !strcmp(arguments[3], "scribble"));
        }
    }
    fprintf(stderr, "usage: shared_state bench DESIGN EXIT_NS DOORBELL_NS MILLISECONDS\n"
                    "       shared_state kills DESIGN random|crash_points|scribble ROUNDS EXIT_NS\n"
                    "designs: host memory keeper ring lease\n");
    return 2;
}
