using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Gateway.Machines;

internal static class MachinesSetup
{
    public static IServiceCollection AddMachines(this IServiceCollection services)
    {
        services.AddOptions<MachinesOptions>().BindConfiguration(MachinesOptions.Section)
            .Configure<IConfiguration>(static (options, configuration) => options.Token = configuration["FLY_API_TOKEN"] is { Length: > 0 } token ? token : options.Token)
            .ValidateOnStart();
        services.AddSingleton<IValidateOptions<MachinesOptions>, MachinesOptionsValidation>();
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<MachinesRates>();
        services.AddSingleton<MachinesMetrics>();
        services.AddSingleton<TokenMetrics>();
        services.AddSingleton<IMachines>(static provider => ActivatorUtilities.CreateInstance<MachinesClient>(
            provider, provider.GetRequiredService<IHttpClientFactory>().CreateClient(MachinesClient.Name)));
        services.AddHttpClient(MachinesClient.Name, static (provider, client) =>
            {
                var options = provider.GetRequiredService<IOptions<MachinesOptions>>().Value;
                // Read when the token is: once.
                provider.GetRequiredService<TokenMetrics>();
                client.BaseAddress = new Uri(options.ApiUrl.EndsWith('/') ? options.ApiUrl : options.ApiUrl + "/");
                // The pipeline times each try.
                client.Timeout = Timeout.InfiniteTimeSpan;
                client.DefaultRequestHeaders.Authorization = MachinesToken.Header(MachinesToken.Of(options));
            })
            // The factory would log every header at trace level.
            .RemoveAllLoggers()
            .UseSocketsHttpHandler(static (handler, _) =>
            {
                handler.PooledConnectionLifetime = TimeSpan.FromMinutes(5);
                handler.ConnectTimeout = TimeSpan.FromSeconds(5);
                handler.AllowAutoRedirect = false;
                handler.UseCookies = false;
                // Our trace is none of the platform's business.
                handler.ActivityHeadersPropagator = null;
            })
            .SetHandlerLifetime(Timeout.InfiniteTimeSpan)
            .AddMachinesPipeline()
            .AddHttpMessageHandler(static () => new MachinesExchange());
        return services;
    }
}
