/* A till in C, written from daemon/TILL_SOCKET.md alone; it needs nothing but the C library.
 *   till SOCKET DATABASE sell ORDER MINOR CODE    one sale in EUR
 *   till SOCKET DATABASE recover                  asks for every sale that is not finished
 * DATABASE is a file of lines "FACT KEY". TILL_DIES_AT=FACT kills the till there, for the tests. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

typedef const unsigned char *at; /* where a value begins */

static unsigned char out[8192], in[1 << 17], *end;
static const char *database;
static int wire;

static void die(const char *why) { fprintf(stderr, "till: %s\n", why), exit(1); }

static unsigned long number(at p, int bytes) {
    return bytes ? number(p, bytes - 1) << 8 | p[bytes - 1] : 0;
}

/* How much follows a head of so many bytes: bytes of text, or values. */
static int head(at p, unsigned long *bytes, unsigned long *values) {
    static const int sizes[] = {1, 1, 1, 1, 2, 3, 5, 3, 4, 6, 5, 9, 2, 3, 5, 9,
                                2, 3, 5, 9, 3, 4, 6, 10, 18, 2, 3, 5, 3, 5, 3, 5}; /* from 0xc0 on */
    *bytes = *values = 0;
    if (*p < 0x80 || *p >= 0xe0) return 1;
    if (*p < 0xa0) return *values = (*p & 15) * (*p < 0x90 ? 2 : 1), 1;
    if (*p < 0xc0) return *bytes = *p & 31, 1;
    int size = sizes[*p - 0xc0];
    if (*p >= 0xd9 && *p <= 0xdb) *bytes = number(p + 1, size - 1);
    if (*p >= 0xdc) *values = number(p + 1, size - 1) * (*p >= 0xde ? 2 : 1);
    return size;
}

/* Behind a value; NULL while it is not all here. The longest head has 9 bytes: in[] ends later. */
static at skip(at p) {
    unsigned long bytes, values;
    if (p >= end) return NULL;
    p += head(p, &bytes, &values) + bytes;
    while (p && values--) p = skip(p);
    return p && p <= end ? p : NULL;
}

/* What a map holds under a key, as text; inner names a key of the map that is there. */
static const char *held(at map, const char *key, const char *inner) {
    static char copy[256];
    unsigned long bytes, pairs;
    at p = map + head(map, &bytes, &pairs);
    for (copy[0] = 0; pairs; pairs -= 2) {
        at name = p + head(p, &bytes, &(unsigned long){0});
        int found = bytes == strlen(key) && !memcmp(name, key, bytes);
        p = skip(p);
        if (found && inner) return held(p, inner, NULL);
        if (found && (*p == 0xc2 || *p == 0xc3)) return *p == 0xc3 ? "true" : "false";
        name = p + head(p, &bytes, &(unsigned long){0});
        if (found) return snprintf(copy, sizeof copy, "%.*s", (int)bytes, (const char *)name), copy;
        p = skip(p);
    }
    return "";
}

static unsigned char *text(unsigned char *to, const char *said) {
    size_t size = strlen(said);
    if (to + size + 3 > out + sizeof out) die("a text is too long");
    *to++ = 0xda, *to++ = (unsigned char)(size >> 8), *to++ = (unsigned char)size;
    return (unsigned char *)memcpy(to, said, size) + size;
}

/* The result of a call about a key; NULL for a refusal, whose code is then in error. */
static at call(const char *method, const char *key, const char *order, long minor, const char *code, char *error) {
    static unsigned char msgid;
    unsigned char *to = out;
    int hello = !strcmp(method, "hello");
    *to++ = 0x94, *to++ = 0, *to++ = ++msgid & 0x7f, to = text(to, method), *to++ = 0x91;
    *to++ = (unsigned char)(0x80 | (hello ? 2 : order ? 4 : 1));
    to = text(text(to, hello ? "client" : "key"), key);
    if (hello) to = text(to, "api"), *to++ = 0x92, *to++ = 1, *to++ = 0;
    if (order) {
        to = text(text(text(text(to, "order_ref"), order), "code"), code);
        to = text(to, "amount"), *to++ = 0x82, to = text(text(text(to, "currency"), "EUR"), "value");
        *to++ = 0xce, *to++ = 0;
        *to++ = (unsigned char)(minor >> 16), *to++ = (unsigned char)(minor >> 8), *to++ = (unsigned char)minor;
    }
    if (send(wire, out, (size_t)(to - out), MSG_NOSIGNAL) != to - out) die("the terminal hung up");
    for (alarm(70), end = in; !skip(in);) { /* one call at a time: what comes is its answer */
        ssize_t size = recv(wire, end, (size_t)(in + sizeof in - 16 - end), 0);
        if (size <= 0) die("the terminal hung up");
        end += size;
    }
    return in[3] == 0xc0 ? in + 4 : (snprintf(error, 64, "%s", held(in + 3, "code", NULL)), NULL);
}

static void remember(const char *fact, const char *key) {
    int file = open(database, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (file < 0 || dprintf(file, "%s %s\n", fact, key) < 0 || fsync(file) || close(file))
        die("the database failed");
    if (getenv("TILL_DIES_AT") && !strcmp(getenv("TILL_DIES_AT"), fact)) raise(SIGKILL);
}

/* Goes on with a sale wherever it stands, to its end. */
static void finish(at payment, const char *key, char *error) {
    while (payment && strcmp(held(payment, "decided", NULL), "true")) {
        int approved = !strcmp(held(payment, "state", NULL), "approved");
        if (approved) remember("approved", key);
        payment = call(approved ? "payment.acknowledge" : "payment.wait", key, NULL, 0, NULL, error);
    }
    if (!payment) die(error);
    remember(held(payment, "outcome", NULL), key);
    printf("%s %s", key, held(payment, "outcome", NULL)); /* one at a time: they share a copy */
    printf(" %s", held(payment, "state", NULL));
    printf(" %s\n", held(payment, "reason", "code"));
}

int main(int count, char **words) {
    char error[64], fact[16], key[65], known[4096][65];
    int open_sales = 0;
    if (count < 4) die("SOCKET DATABASE sell ORDER MINOR CODE, or SOCKET DATABASE recover");
    FILE *facts = fopen(database = words[2], "r");
    while (facts && fscanf(facts, "%15s %64s", fact, key) == 2) /* an end takes its key off */
        if (!strcmp(fact, "stored") && open_sales < 4096) strcpy(known[open_sales++], key);
        else if (strstr(fact, "paid"))
            for (int n = 0; n < open_sales; n++)
                if (!strcmp(known[n], key)) memmove(known[n], known[--open_sales], sizeof key);
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    snprintf(to.sun_path, sizeof to.sun_path, "%s", words[1]);
    wire = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(wire, (struct sockaddr *)&to, sizeof to)) die("no terminal answers there");
    if (!call("hello", "till in C", NULL, 0, NULL, error)) die(error);
    for (int n = 0; n < open_sales; n++) { /* never started: closed, for the customer has gone */
        at payment = call("payment.get", known[n], NULL, 0, NULL, error);
        if (!payment && !strcmp(error, "not_found")) payment = call("payment.cancel", known[n], NULL, 0, NULL, error);
        finish(payment, known[n], error);
    }
    unsigned long random[2];
    if (strcmp(words[3], "sell") || count < 7) return 0;
    if (getrandom(random, sizeof random, 0) != sizeof random) die("no random bytes");
    snprintf(key, sizeof key, "%016lx%016lx", random[0], random[1]);
    remember("stored", key);
    at payment = call("payment.start", key, words[4], atol(words[5]), words[6], error);
    if (payment) remember("started", key); /* refused: nothing changed; recover closes the key */
    finish(payment, key, error);
}
