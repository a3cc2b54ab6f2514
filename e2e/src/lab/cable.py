"""A cable in user space: carries frames between two interfaces of this namespace with delay, jitter and loss.

usage: cable.py END_A END_B DELAY_MS JITTER_MS LOSS_SHARE SEED
Standard library only. Order is kept. Ends when its standard input is closed.
"""
import heapq
import random
import select
import socket
import struct
import sys
import time

ETH_P_ALL = 3
PACKET_OUTGOING = 4
SOL_PACKET = 263
PACKET_ADD_MEMBERSHIP = 1
PACKET_MR_PROMISC = 1


def open_end(name):
    end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    end.bind((name, 0))
    end.setblocking(False)
    end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    membership = struct.pack("iHH8s", socket.if_nametoindex(name), PACKET_MR_PROMISC, 0, b"")
    end.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, membership)
    return end


def main():
    name_a, name_b = sys.argv[1:3]
    delay, jitter = (float(text) / 1000 for text in sys.argv[3:5])
    loss = float(sys.argv[5])
    dice = random.Random(int(sys.argv[6]))
    a, b = open_end(name_a), open_end(name_b)
    other = {a: b, b: a}
    last_due = {a: 0.0, b: 0.0}
    under_way = []
    count = 0
    print("ready", flush=True)
    while True:
        now = time.monotonic()
        while under_way and under_way[0][0] <= now:
            _, _, end, frame = heapq.heappop(under_way)
            try:
                end.send(frame)
            except OSError:
                pass  # the far interface is down: the frame is lost, as on a pulled cable
        wait = max(0.0, under_way[0][0] - time.monotonic()) if under_way else None
        ready, _, _ = select.select([a, b, sys.stdin], [], [], wait)
        if sys.stdin in ready and not sys.stdin.buffer.read1(1):
            return
        for end in ready:
            if end is sys.stdin:
                continue
            for _ in range(64):
                try:
                    frame, address = end.recvfrom(65535)
                except (BlockingIOError, OSError):
                    break
                if address[2] == PACKET_OUTGOING or dice.random() < loss:
                    continue
                due = time.monotonic() + delay + dice.uniform(-jitter, jitter)
                due = last_due[end] = max(due, last_due[end])
                count += 1
                heapq.heappush(under_way, (due, count, other[end], frame))


main()
