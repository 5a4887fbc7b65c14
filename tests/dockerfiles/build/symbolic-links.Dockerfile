FROM scratch
COPY links /links
COPY links/rel /followed
COPY links/dir /directory
COPY links/r* /several/
