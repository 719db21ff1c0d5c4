/* The same "random" bytes for whoever asks, loaded before the compiler while the package is built, and into nothing
 * that is shipped. A macro of a library (i18n-embed-fl 0.9, under age 0.11) writes its code in the order of a hash
 * table, whose seed each process draws anew: without this, two builds of one source differ by chance. */
#include <string.h>
#include <sys/types.h>

ssize_t getrandom(void *bytes, size_t length, unsigned int flags) {
    (void)flags;
    memset(bytes, 42, length);
    return (ssize_t)length;
}
