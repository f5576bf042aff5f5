-- Gives the role of Grafana its password, from the environment. Run at every start of the compose file.
\set ON_ERROR_STOP on
\getenv password AFORO_GRAFANA_PASSWORD
alter role aforo_grafana password :'password';
