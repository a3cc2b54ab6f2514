"""Writes the frames that pass an interface of this namespace to a pcap file.

usage: capture.py INTERFACE FILE SNAP_LENGTH
Standard library only; tcpdump can't do it here, since it insists on giving up privileges that a user namespace does not
have. Ends when its standard input is closed.
"""
import select
import socket
import struct
import sys
import time

ETH_P_ALL = 3
SOL_PACKET = 263
PACKET_ADD_MEMBERSHIP = 1
PACKET_MR_PROMISC = 1
LINKTYPE_ETHERNET = 1

name, path, snap = sys.argv[1], sys.argv[2], int(sys.argv[3])
end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
end.bind((name, 0))
end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
end.setsockopt(
    SOL_PACKET, PACKET_ADD_MEMBERSHIP, struct.pack("iHH8s", socket.if_nametoindex(name), PACKET_MR_PROMISC, 0, b"")
)
with open(path, "wb", buffering=0) as file:
    file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, snap, LINKTYPE_ETHERNET))
    print("ready", flush=True)
    while True:
        ready, _, _ = select.select([end, sys.stdin], [], [])
        if sys.stdin in ready and not sys.stdin.buffer.read1(1):
            break
        if end in ready:
            frame = end.recv(65535)
            now = time.time()
            header = struct.pack("<IIII", int(now), int(now % 1 * 1e6), min(len(frame), snap), len(frame))
            file.write(header + frame[:snap])
