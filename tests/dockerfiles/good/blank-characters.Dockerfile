FROM	alpine  AS 	x
ENV	a=1	b=2
COPY	a	/a
EXPOSE 80	81
