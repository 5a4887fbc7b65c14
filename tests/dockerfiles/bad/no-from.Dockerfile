ARG a=1
