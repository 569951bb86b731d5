"""An S3 server on a free loopback port, with a bucket and a user who may use it. Ends when its standard input does.

Prints one line once it is ready: port, access key id, secret access key. From then on every request is checked
against that user, so that wrong credentials are refused as AWS refuses them.
"""

import json
import logging
import os
import sys
import urllib.request

# Small pages, so that small tests turn them.
os.environ["MOTO_S3_DEFAULT_MAX_KEYS"] = "3"
# Requests are free while the server is set up, but a client wants something to sign with.
os.environ.update(AWS_ACCESS_KEY_ID="setup", AWS_SECRET_ACCESS_KEY="setup", AWS_DEFAULT_REGION="us-east-1")

import boto3
from moto.server import ThreadedMotoServer

logging.getLogger("werkzeug").disabled = True
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
port = server.get_host_and_port()[1]
endpoint = f"http://127.0.0.1:{port}"

boto3.client("s3", endpoint_url=endpoint).create_bucket(Bucket="exports")
iam = boto3.client("iam", endpoint_url=endpoint)
iam.create_user(UserName="exporter")
policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
iam.put_user_policy(UserName="exporter", PolicyName="exports", PolicyDocument=json.dumps(policy))
key = iam.create_access_key(UserName="exporter")["AccessKey"]
free_requests = urllib.request.Request(f"{endpoint}/moto-api/reset-auth", data=b"0")
# The default type would have the body read as a form.
free_requests.add_header("Content-Type", "text/plain")
urllib.request.urlopen(free_requests).close()

print(port, key["AccessKeyId"], key["SecretAccessKey"], flush=True)
sys.stdin.read()
# Not server.stop(): it waits for open connections.
os._exit(0)
