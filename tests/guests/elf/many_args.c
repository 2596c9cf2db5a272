// 2000 arguments and a long environment, made by the program starting itself would need exec: the harness passes them.
// args: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb cccccccc d e f g h i j k l m n o p q r s t u v w x y z 0 1 2 3 4 5 6 7 8 9
#include "guest.h"
int main(int argc, char **argv)
{
    uint64_t h = 0;
    for (int i = 1; i < argc; i++)
        h = h * 31 + hash(argv[i], strlen(argv[i]));
    say("%d arguments, %016lx", argc, h);
    return 0;
}
