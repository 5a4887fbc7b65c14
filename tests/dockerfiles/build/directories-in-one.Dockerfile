FROM scratch
COPY dir empty node_modules /all/
