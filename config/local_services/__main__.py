"""`python -m config.local_services start|stop`: the embedded services by hand."""

import sys

from config.local_services import LocalServiceError, start, stop

if __name__ == "__main__":
    try:
        match sys.argv[1:]:
            case ["start"]:
                sys.stdout.writelines(f"{name}={value}\n" for name, value in start()[0].environment.items())
            case ["stop"]:
                stop()
            case _:
                sys.exit("usage: python -m config.local_services start|stop")
    except LocalServiceError as error:
        sys.exit(f"error: {error}")
