using Microsoft.Extensions.Options;

namespace Gateway;

/// <summary>Says everything that is wrong with the configuration at once, before anything is opened or contacted.</summary>
internal static class Configuration
{
    public static bool IsValid(WebApplication app)
    {
        var faults = FaultsOf(app.Services);
        if (faults.Count == 0)
        {
            return true;
        }

        Console.Error.WriteLine("The configuration is not usable:");
        foreach (var fault in faults)
        {
            Console.Error.WriteLine($"  - {fault}");
        }

        Console.Error.WriteLine("Settings are read from appsettings.json and the environment (Section__Key). See docs/configuration.md.");
        return false;
    }

    internal static IReadOnlyList<string> FaultsOf(IServiceProvider services)
    {
        try
        {
            services.GetService<IStartupValidator>()?.Validate();
            return [];
        }
        catch (OptionsValidationException exception)
        {
            return [.. exception.Failures];
        }
        catch (AggregateException exception)
        {
            return [.. exception.InnerExceptions.OfType<OptionsValidationException>().SelectMany(static fault => fault.Failures)];
        }
    }
}
