/* Says that it may be frozen, writes a line when it runs as a clone (or when nobody freezes it), and waits for its end. idle [no] */
#include <fcntl.h>
#include <unistd.h>

int main(int argc, char **argv) {
    (void)argv;
    if (argc < 2) {
        int device = open("/dev/ramet", O_WRONLY);
        if (device >= 0 && write(device, "ready", 5) < 0) return 1;
    }
    if (write(1, "here\n", 5) != 5) return 1;
    for (;;) pause();
}
