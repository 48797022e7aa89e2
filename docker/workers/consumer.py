"""Takes numbers out of the queue `numbers` until it is closed and empty, and prints their sum."""

import json
import os
import urllib.error
import urllib.request

BASE = os.environ["PROCESSION_URL"] + "/v1"
with open(os.environ["PROCESSION_TOKEN_FILE"]) as file:
    TOKEN = file.read().strip()


def call(method, path, document=None):
    request = urllib.request.Request(BASE + path, method=method, headers={"Authorization": "Bearer " + TOKEN})
    if document is not None:
        request.data = json.dumps(document).encode()
        request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read() or "null")


call("PUT", "/queues/numbers", {"maxsize": 10})
total = 0
while True:
    try:
        total += call("POST", "/queues/numbers/get")
    except urllib.error.HTTPError as error:
        if error.code != 410:
            raise
        break
print("sum", total, flush=True)
