// The C library's streams: buffering, seeking, ungetc, scanning, appending, temporary files.
// variants: static musl pie
// stdin: line one\nline two\n12 34.5 word\n
#include "guest.h"
int main(void)
{
    char line[100];
    int n;
    double d;
    char word[20];
    while (fgets(line, sizeof line, stdin) && strncmp(line, "line two", 8))
        say("read: %.*s", (int)strlen(line) - 1, line);
    say("scanned %d", scanf("%d %lf %19s", &n, &d, word));
    say("%d %.1f %s, end %d", n, d, word, (getchar(), getchar()) == EOF);
    FILE *f = fopen("f", "w+");
    for (int i = 0; i < 10000; i++)
        fprintf(f, "%d\n", i);
    fseek(f, -5, SEEK_END);
    fgets(line, sizeof line, f);
    say("last %s at %ld", strtok(line, "\n"), ftell(f));
    rewind(f);
    long sum = 0;
    while (fscanf(f, "%d", &n) == 1)
        sum += n;
    say("sum %ld", sum);
    fclose(f);
    f = fopen("f", "a+");
    fputs("appended\n", f);
    fseek(f, 0, SEEK_SET);
    say("first %d", fgetc(f) - '0');
    ungetc('X', f);
    say("pushed back %c", fgetc(f));
    fclose(f);
    f = tmpfile();
    say("temporary file: %s", f ? "yes" : error_name(errno));
    YES(fopen("none", "r") == NULL && errno == ENOENT);
    char name[] = "unique-XXXXXX";
    YES(mkstemp(name) >= 0 && strcmp(name, "unique-XXXXXX"));
    YES(remove(name) == 0);
    fprintf(stderr, "to stderr\n");
    return 0;
}
