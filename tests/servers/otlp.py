"""An OpenTelemetry collector on a free loopback port. Ends when its standard input does.

Reads what it is sent with the protocol's own messages, and adds it to the file that its argument names, a request a line:
the path, the headers, the message. Prints its port once it is ready.
"""

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

MESSAGES = {
    "/v1/traces": trace_service_pb2.ExportTraceServiceRequest,
    "/v1/metrics": metrics_service_pb2.ExportMetricsServiceRequest,
}
received = open(sys.argv[1], "a", encoding="utf-8")
one_at_a_time = threading.Lock()


class Collector(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        message = MessageToDict(MESSAGES[self.path].FromString(body))
        line = {"path": self.path, "headers": dict(self.headers), "message": message}
        with one_at_a_time:
            print(json.dumps(line), file=received, flush=True)
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
sys.stdin.read()
os._exit(0)
