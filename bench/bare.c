/* What the kernel alone costs: batches of ICMP echo requests to loopback addresses, their answers read and counted,
 * and nothing else - no time stamps, no bookkeeping, no check of what came. The line beside which ours is to be read.
 *
 *   bare TARGETS RATE SECONDS
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/icmp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

enum { BATCH = 64, SIZE = 56 + 8, SLICE_MS = 2, ICMP_FILTER_OPTION = 1 };

static unsigned char out[BATCH][SIZE], in[BATCH][256];
static struct sockaddr_in to[BATCH];
static struct iovec out_parts[BATCH], in_parts[BATCH];
static struct mmsghdr outgoing[BATCH], incoming[BATCH];

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static unsigned short checksum(const unsigned char *bytes, int length) {
    unsigned sum = 0;
    for (int i = 0; i + 1 < length; i += 2) sum += bytes[i] << 8 | bytes[i + 1];
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return htons((unsigned short)~sum);
}

static long drain(int fd) {
    long answered = 0;
    for (;;) {
        for (int i = 0; i < BATCH; i++) incoming[i].msg_hdr.msg_flags = 0;
        int n = recvmmsg(fd, incoming, BATCH, MSG_DONTWAIT, NULL);
        if (n <= 0) return answered;
        answered += n;
        if (n < BATCH) return answered;
    }
}

int main(int argc, char **argv) {
    if (argc != 4) return fprintf(stderr, "bare TARGETS RATE SECONDS\n"), 2;
    long targets = atol(argv[1]), rate = atol(argv[2]), seconds = atol(argv[3]);
    int raw = 0, fd = socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
    if (fd < 0) {
        raw = 1;
        fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
        unsigned all_but_replies = ~(1u << ICMP_ECHOREPLY);
        if (fd < 0 || setsockopt(fd, SOL_RAW, ICMP_FILTER_OPTION, &all_but_replies, sizeof all_but_replies))
            return perror("an ICMP socket"), 1;
    }
    int room = 8 << 20;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room))
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    for (int i = 0; i < BATCH; i++) {
        out_parts[i] = (struct iovec){out[i], SIZE};
        in_parts[i] = (struct iovec){in[i], sizeof in[i]};
        outgoing[i].msg_hdr = (struct msghdr){.msg_name = &to[i], .msg_namelen = sizeof to[i], .msg_iov = &out_parts[i], .msg_iovlen = 1};
        incoming[i].msg_hdr = (struct msghdr){.msg_iov = &in_parts[i], .msg_iovlen = 1};
        to[i].sin_family = AF_INET;
    }
    long total = rate * seconds, sent = 0, answered = 0;
    double began = now(), end = 0;
    while (sent < total || (answered < sent && now() < end)) {
        long due = (long)((now() - began) * rate) + 1;
        if (due > total) due = total;
        while (sent < due) {
            int n = due - sent < BATCH ? (int)(due - sent) : BATCH;
            for (int i = 0; i < n; i++) {
                unsigned long key = sent + i;
                struct icmphdr *header = (struct icmphdr *)out[i];
                *header = (struct icmphdr){.type = ICMP_ECHO};
                header->un.echo.id = htons(4711);
                header->un.echo.sequence = htons((unsigned short)key);
                memcpy(out[i] + sizeof *header, &key, sizeof key);
                if (raw) header->checksum = checksum(out[i], SIZE);
                to[i].sin_addr.s_addr = htonl(0x7f010001u + (unsigned)(key % targets));
            }
            int done = sendmmsg(fd, outgoing, n, 0);
            if (done <= 0) {
                if (errno == EINTR || errno == ENOBUFS || errno == EAGAIN) break;
                return perror("sending"), 1;
            }
            sent += done;
            answered += drain(fd);
            if (sent >= total) end = now() + 1;
        }
        answered += drain(fd);
        /* One wake-up a slice: whatever has come by then is read in batches. */
        nanosleep(&(struct timespec){0, SLICE_MS * 1000000L}, NULL);
    }
    answered += drain(fd);
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    double cpu = used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    printf("%-10s%9ld%9.0f%9.2f%10ld%9ld%9s%9s%9s%9s\n", "bare loop", targets, total / (now() - began), cpu * 1e6 / total,
           answered, sent > answered ? sent - answered : 0, "-", "-", "-", "-");
    return 0;
}
