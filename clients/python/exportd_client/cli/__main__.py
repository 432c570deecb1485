from exportd_client.cli import main

main(prog_name="exportctl")
