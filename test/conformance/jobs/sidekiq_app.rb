# What the Sidekiq test pushes and works off: jobs that succeed, and jobs that fail and are to be kept for a retry.
require 'sidekiq'

Sidekiq.configure_client { |config| config.redis = { url: ENV.fetch('REDIS_URL') } }
Sidekiq.configure_server { |config| config.redis = { url: ENV.fetch('REDIS_URL') } }
Sidekiq.options[:poll_interval_average] = 1 if Sidekiq.respond_to?(:options)

class Job
  include Sidekiq::Worker
  sidekiq_options retry: 5
  # Longer than the test.
  sidekiq_retry_in { 3600 }

  def perform(number, fails)
    File.open(ENV.fetch('RAN'), 'a') { |file| file.puts "#{number} #{fails}" }
    raise 'meant to fail' if fails
  end
end

if ARGV.first == 'push'
  errors = 0
  20.times do |number|
    Job.perform_async(number, number.odd?)
  rescue StandardError
    errors += 1
  end
  puts errors
end
